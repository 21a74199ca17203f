// The engine for more than one machine: a PostgreSQL database that several nodes may use at once.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "store/store.h"

namespace kedge::store {

struct PostgresOptions {
  // "postgresql://user@host:port/database", with any parameter of libpq; a password better stands
  // in ~/.pgpass or PGPASSWORD.
  std::string url;
  bool migrate = true;  // false: whatever its version is; for tools
  // See postgres::Connection::Open; longer for tools that read from elsewhere meanwhile.
  std::chrono::seconds stillness_max{5};
};

// Opens the database and migrates it to this program's version; of several nodes that start at
// once, one does. Errors: kInvalidArgument (URL), kPermissionDenied, kUnavailable (no answer),
// kFailedPrecondition (a newer schema; not PostgreSQL 15 or later; not UTF8; a collation in which
// texts do not sort by their bytes, as they do in SQLite).
Result<std::unique_ptr<Store>> OpenPostgresStore(PostgresOptions options);

}  // namespace kedge::store
