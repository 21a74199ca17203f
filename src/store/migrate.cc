// SPDX-License-Identifier: Apache-2.0
#include "store/migrate.h"

#include <charconv>

#include "base/embedded.h"

namespace kedge::store {

extern const std::span<const EmbeddedFile> kSqlFiles;  // migrations/*.sql and schema.sql

namespace {

constexpr std::string_view kFolder = "migrations/";
constexpr std::string_view kPostgresEnd = ".postgres.sql";

int64_t VersionOf(std::string_view name) {
  int64_t version = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), version);
  KEDGE_CHECK(error == std::errc() && end != name.data() + name.size() && *end == '_');
  return version;
}

}  // namespace

std::vector<Migration> Migrations(Engine engine) {
  std::vector<Migration> migrations;
  for (const EmbeddedFile& file : kSqlFiles) {
    if (!file.name.starts_with(kFolder)) continue;
    const std::string_view name = file.name.substr(kFolder.size());
    const bool own = name.ends_with(kPostgresEnd);
    if (own && engine != Engine::kPostgres) continue;
    const int64_t version = VersionOf(name);
    // Sorted by name: NNNN_what.postgres.sql comes before NNNN_what.sql.
    if (!migrations.empty() && migrations.back().version == version) continue;
    KEDGE_CHECK(migrations.empty() || migrations.back().version < version);
    migrations.push_back({.version = version, .name = name, .sql = file.text});
  }
  return migrations;
}

std::string_view SchemaText() {
  for (const EmbeddedFile& file : kSqlFiles) {
    if (file.name == "schema.sql") return file.text;
  }
  return {};
}

Result<int64_t> SchemaVersion(Transaction& transaction) {
  const Engine engine = transaction.engine();
  KEDGE_TRY(
      const Rows tables,
      transaction.Query(engine == Engine::kSqlite ? "SELECT name FROM sqlite_schema WHERE name = $1"
                                                  : "SELECT 1 WHERE to_regclass($1) IS NOT NULL",
                        {std::string(kMigrationsTable)}));
  if (tables.empty()) return 0;
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT COALESCE(MAX(version), 0) FROM schema_migrations"));
  const int64_t version = rows.at(0).Integer(0);
  const int64_t newest = Migrations(engine).back().version;
  if (version > newest) {
    return FailedPrecondition("database has schema version " + std::to_string(version) +
                              ", this program knows versions up to " + std::to_string(newest));
  }
  return version;
}

Result<std::optional<Migration>> ApplyNext(Transaction& transaction) {
  KEDGE_TRY(const int64_t version, SchemaVersion(transaction));
  for (const Migration& migration : Migrations(transaction.engine())) {
    if (migration.version <= version) continue;
    std::string script;
    if (version == 0) {
      script =
          "CREATE TABLE IF NOT EXISTS schema_migrations (version bigint PRIMARY KEY NOT NULL, "
          "name text NOT NULL);\n";
    }
    if (auto status = transaction.ExecuteScript(script + std::string(migration.sql)); !status) {
      return Wrap(status.error(), "migration " + std::string(migration.name));
    }
    KEDGE_TRY([[maybe_unused]] const int64_t rows,
              transaction.Execute("INSERT INTO schema_migrations (version, name) VALUES ($1, $2)",
                                  {migration.version, std::string(migration.name)}));
    return std::optional(migration);
  }
  return std::optional<Migration>();
}

}  // namespace kedge::store
