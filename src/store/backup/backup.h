// The rows of a whole database as a stream of lines, and back: docs/formats/backup.md.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "base/descriptor.h"
#include "store/store.h"

namespace kedge::store {

struct BackupCounts {
  int64_t schema = 0;  // newest migration of the database that was backed up
  int64_t tables = 0;
  int64_t rows = 0;
  uint64_t bytes = 0;
};

// Told after each thousand rows and at the end of each table.
using BackupProgress = std::function<void(const std::string& table, const BackupCounts& so_far)>;

// Writes the snapshot that the transaction sees (of Store::Read) to a descriptor. Memory is that of
// a thousand rows. kFailedPrecondition: the database has no schema.
Result<BackupCounts> WriteBackup(Transaction& snapshot, EpochMs now, int descriptor,
                                 const BackupProgress& progress);

// Fills an empty database from a descriptor and migrates it to this program's version; the caller
// commits (Store::Write of a store that was opened without migrating). Epochs are raised.
// kFailedPrecondition: the database is not empty, or the backup is newer than this program;
// kDataLoss: the backup is cut off, damaged or no backup.
Result<BackupCounts> RestoreBackup(Transaction& transaction, int descriptor,
                                   const BackupProgress& progress);

constexpr int64_t kEpochStep =
    1'000'000;  // added by a restore to every number that others remember

}  // namespace kedge::store
