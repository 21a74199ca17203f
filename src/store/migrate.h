// Numbered migrations: store/migrations/NNNN_what.sql, compiled in, applied in order, each in a
// transaction of its own together with its row in schema_migrations. schema.sql is what they add up
// to (a test compares). Where PostgreSQL needs a text of its own (partitions), it stands beside as
// NNNN_what.postgres.sql.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/store.h"

namespace kedge::store {

struct Migration {
  int64_t version;  // from the file's name; grows
  std::string_view name;
  std::string_view sql;
};

// All of them in order.
std::vector<Migration> Migrations(Engine engine);
// The text of schema.sql, for the test.
std::string_view SchemaText();

// Has a row for each migration that was applied.
constexpr std::string_view kMigrationsTable = "schema_migrations";

// The version of the database, 0 if it is new. kFailedPrecondition if it is newer than this
// program.
Result<int64_t> SchemaVersion(Transaction& transaction);
// Applies the first migration that the database lacks, if any, and gives it; the caller commits.
Result<std::optional<Migration>> ApplyNext(Transaction& transaction);

}  // namespace kedge::store
