// kedge-server backup: all rows of the database as they are at one moment.
// SPDX-License-Identifier: Apache-2.0
#include <csignal>
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

Result<store::BackupCounts> WriteTo(store::Store& store, int descriptor) {
  store::BackupCounts counts;
  const SystemClock clock;
  KEDGE_TRY_STATUS(store.Read([&](store::Transaction& snapshot) -> Status {
    KEDGE_TRY(counts, store::WriteBackup(snapshot, clock.NowMs(), descriptor, ProgressLine()));
    return {};
  }));
  return counts;
}

// The file has its name only when it is whole and synced.
Result<store::BackupCounts> WriteToFile(store::Store& store, const Path& file) {
  PosixFileSystem disk;
  const Path partial = file.string() + ".partial";
  auto counts = [&]() -> Result<store::BackupCounts> {
    KEDGE_TRY(const FileDescriptor out, OpenFile(partial, O_WRONLY | O_CREAT | O_TRUNC, 0600));
    KEDGE_TRY(const store::BackupCounts written, WriteTo(store, out.get()));
    KEDGE_TRY_STATUS(Sync(out.get()));
    KEDGE_TRY_STATUS(disk.Rename(partial, file));
    return written;
  }();
  if (!counts) static_cast<void>(disk.Remove(partial));
  return counts;
}

Result<store::BackupCounts> Run(const Config& config, const std::string& output) {
  PosixFileSystem disk;
  const Folders folders{std::filesystem::absolute(config.data)};
  if (!UsesPostgres(config) && !disk.Exists(folders.database())) {
    return NotFound("there is no database '" + folders.database().string() + "'");
  }
  KEDGE_TRY(const auto store, OpenStoreAsItIs(config, folders));
  return output == "-" ? WriteTo(*store, STDOUT_FILENO)
                       : WriteToFile(*store, std::filesystem::absolute(output));
}

}  // namespace

int Backup(int argc, const char* const* argv) {
  Config config;
  std::string output;
  bool as_json = false;
  Flags flags(argv[0], "Writes all rows of the database to a file; a server may be running on it.");
  DeclareStorage(flags, config);
  flags.Option("-o,--output", &output, "the file, made anew; '-' for standard output").Required();
  flags.Flag("--json", &as_json, "the counts as one JSON object");
  DeclareSettings(flags, /*serves=*/false);
  flags.Footer(
      "Objects and the master key are not in it: copy the object store after the backup, and keep\n"
      "the master key apart. The format is docs/formats/backup.md.");
  if (const auto code = flags.Parse(argc, argv)) return *code;
  if (const auto status = CheckConfig(config); !status) {
    static_cast<void>(Fail(argv[0], status.error()));
    return kExitUsage;
  }
  std::signal(SIGPIPE, SIG_IGN);
  const auto counts = Run(config, output);
  if (!counts) return Fail(argv[0], counts.error());
  PrintCounts(output == "-" ? stderr : stdout, as_json, "backed up", *counts);
  return kExitSuccess;
}

}  // namespace kedge::server
