// kedge-server migrate: what a start does by itself, beforehand and with a look at it first.
// SPDX-License-Identifier: Apache-2.0
#include "store/migrate.h"

#include <cinttypes>
#include <cstdio>

#include "base/flags.h"
#include "server/commands/command.h"
#include "server/open_store.h"

namespace kedge::server {

#define KEDGE_COMMAND(word, function, summary) int function(int argc, const char* const* argv);
#include "server/commands/commands.inc"
#undef KEDGE_COMMAND

namespace {

// 0 for a database that is not there yet.
Result<int64_t> VersionOf(const Config& config, const Folders& folders) {
  PosixFileSystem disk;
  if (!UsesPostgres(config) && !disk.Exists(folders.database())) return 0;
  KEDGE_TRY(const auto store, OpenStoreAsItIs(config, folders));
  int64_t version = 0;
  KEDGE_TRY_STATUS(store->Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(version, store::SchemaVersion(transaction));
    return {};
  }));
  return version;
}

Status Run(const Config& config, bool dry_run) {
  PosixFileSystem disk;
  const Folders folders{std::filesystem::absolute(config.data)};
  KEDGE_TRY(const int64_t version, VersionOf(config, folders));
  int missing = 0;
  const auto engine = UsesPostgres(config) ? store::Engine::kPostgres : store::Engine::kSqlite;
  for (const store::Migration& migration : store::Migrations(engine)) {
    if (migration.version <= version) continue;
    ++missing;
    std::printf("%s %.*s\n", dry_run ? "would apply" : "applying",
                static_cast<int>(migration.name.size()), migration.name.data());
  }
  std::fflush(stdout);
  if (missing == 0) {
    std::printf("schema %" PRId64 " is the newest\n", version);
    return {};
  }
  if (dry_run) return {};
  KEDGE_TRY_STATUS(disk.MakeDirectories(folders.root, 0700));
  KEDGE_TRY([[maybe_unused]] const auto store, OpenStore(config, folders, [](const Error&) {}));
  KEDGE_TRY(const int64_t now, VersionOf(config, folders));
  std::printf("schema %" PRId64 "\n", now);
  return {};
}

}  // namespace

int Migrate(int argc, const char* const* argv) {
  Config config;
  bool dry_run = false;
  Flags flags(argv[0], "Brings the database to this program's version, as a start of it would.");
  DeclareStorage(flags, config);
  flags.Flag("--dry-run", &dry_run, "only say what would be applied");
  DeclareSettings(flags, /*serves=*/false);
  flags.Footer(
      "Each migration is one transaction: a migration that is interrupted leaves the level before\n"
      "it, and the next start goes on from there. There is no way back but a backup.");
  if (const auto code = flags.Parse(argc, argv)) return *code;
  if (const auto status = CheckConfig(config); !status) {
    static_cast<void>(Fail(argv[0], status.error()));
    return kExitUsage;
  }
  if (const auto status = Run(config, dry_run); !status) return Fail(argv[0], status.error());
  return kExitSuccess;
}

}  // namespace kedge::server
