// SPDX-License-Identifier: Apache-2.0
#include "store/migrate.h"

#include <charconv>

#include "base/embedded.h"

namespace kedge::store {

extern const std::span<const EmbeddedFile> kSqlFiles;  // migrations/*.sql and schema.sql

namespace {

constexpr std::string_view kFolder = "migrations/";

int64_t VersionOf(std::string_view name) {
  int64_t version = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), version);
  KEDGE_CHECK(error == std::errc() && end != name.data() + name.size() && *end == '_');
  return version;
}

}  // namespace

std::vector<Migration> Migrations() {
  std::vector<Migration> migrations;
  for (const EmbeddedFile& file : kSqlFiles) {  // sorted by name
    if (!file.name.starts_with(kFolder)) continue;
    const std::string_view name = file.name.substr(kFolder.size());
    migrations.push_back({.version = VersionOf(name), .name = name, .sql = file.text});
    const size_t count = migrations.size();
    KEDGE_CHECK(count == 1 || migrations[count - 2].version < migrations.back().version);
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
  KEDGE_TRY_STATUS(
      transaction.ExecuteScript("CREATE TABLE IF NOT EXISTS schema_migrations (version bigint "
                                "PRIMARY KEY NOT NULL, name text NOT NULL)"));
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT COALESCE(MAX(version), 0) FROM schema_migrations"));
  const int64_t version = rows.at(0).Integer(0);
  const int64_t newest = Migrations().back().version;
  if (version > newest) {
    return FailedPrecondition("database has schema version " + std::to_string(version) +
                              ", this program knows versions up to " + std::to_string(newest));
  }
  return version;
}

Status Apply(Transaction& transaction, const Migration& migration) {
  if (auto status = transaction.ExecuteScript(std::string(migration.sql)); !status) {
    return Wrap(status.error(), "migration " + std::string(migration.name));
  }
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute("INSERT INTO schema_migrations (version, name) VALUES ($1, $2)",
                                {migration.version, std::string(migration.name)}));
  return {};
}

}  // namespace kedge::store
