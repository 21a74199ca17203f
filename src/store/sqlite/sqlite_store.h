// The embedded engine: one SQLite file, one writer thread with group commit, a few readers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "base/file.h"
#include "store/store.h"

namespace kedge::store {

struct SqliteOptions {
  Path file;
  std::string vfs;  // empty: the default
  // False: as another program has it open and whatever its version is; for tools.
  bool migrate = true;
  // Called once, from the writer thread, when the store has failed for good.
  std::function<void(const Error&)> on_failure;
};

// Opens or makes the database and migrates it to this program's version. Errors:
// kFailedPrecondition (another program's or a newer database, a network file system), kDataLoss (it
// was not closed cleanly and the check found damage), kUnavailable (I/O).
Result<std::unique_ptr<Store>> OpenSqliteStore(SqliteOptions options);

}  // namespace kedge::store
