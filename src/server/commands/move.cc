// kedge-server move: a backup of one database, piped into the restore of another.
// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <sys/file.h>
#include <thread>
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

// "postgresql://..." or the data folder of a server on SQLite.
Config ConfigOf(const std::string& place) {
  Config config;
  config.database = place;
  config.data = ".";  // not looked at with PostgreSQL
  if (!UsesPostgres(config)) {
    config.database = "sqlite";
    config.data = place;
  }
  return config;
}

// What a server wrote after the copy would be missing in the new database. Nodes on PostgreSQL hold
// no lock that could be asked for.
Result<FileDescriptor> LockSource(const Folders& folders) {
  PosixFileSystem disk;
  if (!disk.Exists(folders.database())) {
    return NotFound("there is no database '" + folders.database().string() + "'");
  }
  KEDGE_TRY(FileDescriptor lock, OpenFile(folders.root / "lock", O_RDWR | O_CREAT, 0600));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return FailedPrecondition("a server runs on '" + folders.root.string() +
                              "'; what it writes after the copy would be lost (see --online)");
  }
  return lock;
}

Result<store::BackupCounts> Copy(store::Store& source, store::Store& target) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoError(errno, "making a pipe");
  FileDescriptor from(ends[0]);
  FileDescriptor to(ends[1]);
  const SystemClock clock;
  Status written;
  std::thread writer([&] {
    written = source.Read([&](store::Transaction& snapshot) -> Status {
      KEDGE_TRY([[maybe_unused]] const auto counts,
                store::WriteBackup(snapshot, clock.NowMs(), to.get(),
                                   [](const std::string&, const store::BackupCounts&) {}));
      return {};
    });
    to.Reset();
  });
  store::BackupCounts counts;
  const Status restored = target.Write([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(counts, store::RestoreBackup(transaction, from.get(), ProgressLine()));
    return {};
  });
  from.Reset();  // ends the writer if the restore did not read to the end
  writer.join();
  // A backup that ends early is only the consequence of what the writer says.
  if (!written && (restored || restored.error().code == Code::kDataLoss)) return written.error();
  if (!restored) return restored.error();
  return counts;
}

Result<store::BackupCounts> Run(const std::string& from, const std::string& to, bool online) {
  PosixFileSystem disk;
  const Config source_config = ConfigOf(from);
  const Config target_config = ConfigOf(to);
  const Folders source_folders{std::filesystem::absolute(source_config.data)};
  const Folders target_folders{std::filesystem::absolute(target_config.data)};
  FileDescriptor source_lock;
  FileDescriptor target_lock;
  if (!UsesPostgres(source_config) && !online) {
    KEDGE_TRY(source_lock, LockSource(source_folders));
  }
  if (!UsesPostgres(target_config)) {
    KEDGE_TRY(target_lock, PrepareFolders(disk, target_folders));
  }
  KEDGE_TRY(const auto source, OpenStoreAsItIs(source_config, source_folders));
  KEDGE_TRY(const auto target, OpenStoreAsItIs(target_config, target_folders));
  return Copy(*source, *target);
}

}  // namespace

int Move(int argc, const char* const* argv) {
  std::string from;
  std::string to;
  bool online = false;
  bool as_json = false;
  Flags flags(argv[0], "Copies a database into another, empty one, wholly or not at all.");
  flags.Option("--from", &from, "data folder of a server on SQLite, or postgresql://...")
      .Required();
  flags.Option("--to", &to, "the same; the database there must be empty").Required();
  flags.Flag("--online", &online,
             "copy although a server runs on the source: what it writes meanwhile stays behind");
  flags.Flag("--json", &as_json, "the counts as one JSON object");
  flags.Footer(
      "The source is left as it is. Start the server with the same --data and --master-key and\n"
      "--database with the new place.");
  if (const auto code = flags.Parse(argc, argv)) return *code;
  std::signal(SIGPIPE, SIG_IGN);
  const auto counts = Run(from, to, online);
  if (!counts) return Fail(argv[0], counts.error());
  PrintCounts(stdout, as_json, "moved", *counts);
  return kExitSuccess;
}

}  // namespace kedge::server
