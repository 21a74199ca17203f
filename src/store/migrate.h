// Numbered migrations: store/migrations/NNNN_what.sql, compiled in, applied in order, each in a
// transaction of its own together with its row in schema_migrations. schema.sql is what they add up
// to (a test compares).
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
std::vector<Migration> Migrations();
// The text of schema.sql, for the test.
std::string_view SchemaText();

// The version of the database, 0 if it is new. kFailedPrecondition if it is newer than this
// program.
Result<int64_t> SchemaVersion(Transaction& transaction);
// Applies one migration; the caller commits.
Status Apply(Transaction& transaction, const Migration& migration);

}  // namespace kedge::store
