// A disk below SQLite that fails on command: a VFS that hands everything to the default one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

namespace kedge::store::sqlite {

enum class DiskFault {
  kNone,
  kFull,        // writes fail with "disk full"
  kWriteError,  // writes fail with an I/O error
  kSyncError,   // syncs fail with an I/O error, once the bytes were taken
};

// The name to give as SqliteOptions::vfs; registered at the first call. The fault is shared by all
// files opened through it.
const char* FaultyVfs();
void SetDiskFault(DiskFault fault);

}  // namespace kedge::store::sqlite
