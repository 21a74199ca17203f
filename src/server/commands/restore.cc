// kedge-server restore: an empty database gets the rows of a backup, or stays empty.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

#include "base/flags.h"
#include "server/commands/backup_report.h"
#include "server/commands/command.h"
#include "server/open_store.h"

namespace kedge::server {

#define KEDGE_COMMAND(word, function, summary) int function(int argc, const char* const* argv);
#include "server/commands/commands.inc"
#undef KEDGE_COMMAND

namespace {

Result<store::BackupCounts> Run(const Config& config, const std::string& input) {
  PosixFileSystem disk;
  const Folders folders{std::filesystem::absolute(config.data)};
  FileDescriptor file(input == "-" ? dup(STDIN_FILENO) : -1);
  if (input != "-") {
    KEDGE_TRY(file, OpenFile(input, O_RDONLY));
  }
  FileDescriptor lock;  // no server starts on the folder meanwhile
  if (!UsesPostgres(config)) {
    KEDGE_TRY(lock, PrepareFolders(disk, folders));
  }
  KEDGE_TRY(const auto store, OpenStoreAsItIs(config, folders));
  store::BackupCounts counts;
  KEDGE_TRY_STATUS(store->Write([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(counts, store::RestoreBackup(transaction, file.get(), ProgressLine()));
    return {};
  }));
  return counts;
}

}  // namespace

int Restore(int argc, const char* const* argv) {
  Config config;
  std::string input;
  bool as_json = false;
  Flags flags(argv[0], "Fills an empty database from a backup, wholly or not at all.");
  DeclareStorage(flags, config);
  flags.Positional("FILE", &input, "the backup; '-' for standard input").Required();
  flags.Flag("--json", &as_json, "the counts as one JSON object");
  DeclareSettings(flags, /*serves=*/false);
  flags.Footer(
      "Put the master key and the objects of the installation in their places as well. Numbers\n"
      "that devices remember are raised by 1,000,000, so that none is given twice.");
  if (const auto code = flags.Parse(argc, argv)) return *code;
  if (const auto status = CheckConfig(config); !status) {
    static_cast<void>(Fail(argv[0], status.error()));
    return kExitUsage;
  }
  const auto counts = Run(config, input);
  if (!counts) return Fail(argv[0], counts.error());
  PrintCounts(stdout, as_json, "restored", *counts);
  return kExitSuccess;
}

}  // namespace kedge::server
