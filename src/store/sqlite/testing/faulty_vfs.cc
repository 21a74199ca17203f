// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/testing/faulty_vfs.h"

#include <sqlite3.h>

#include "base/check.h"

namespace kedge::store::sqlite {
namespace {

constexpr char kName[] = "kedge-faulty";
std::atomic<DiskFault> fault{DiskFault::kNone};  // a test's own; tests of one program run in turn

// The default VFS's file stands behind ours in the memory that SQLite gives.
struct File {
  sqlite3_file base;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

sqlite3_file* Real(sqlite3_file* file) { return reinterpret_cast<File*>(file)->real(); }

int Close(sqlite3_file* file) { return Real(file)->pMethods->xClose(Real(file)); }
int Read(sqlite3_file* file, void* to, int bytes, sqlite3_int64 at) {
  return Real(file)->pMethods->xRead(Real(file), to, bytes, at);
}
int Write(sqlite3_file* file, const void* from, int bytes, sqlite3_int64 at) {
  if (fault == DiskFault::kFull) return SQLITE_FULL;
  if (fault == DiskFault::kWriteError) return SQLITE_IOERR_WRITE;
  return Real(file)->pMethods->xWrite(Real(file), from, bytes, at);
}
int Truncate(sqlite3_file* file, sqlite3_int64 bytes) {
  return Real(file)->pMethods->xTruncate(Real(file), bytes);
}
int Sync(sqlite3_file* file, int flags) {
  if (fault == DiskFault::kSyncError) return SQLITE_IOERR_FSYNC;
  return Real(file)->pMethods->xSync(Real(file), flags);
}
int FileSize(sqlite3_file* file, sqlite3_int64* bytes) {
  return Real(file)->pMethods->xFileSize(Real(file), bytes);
}
int Lock(sqlite3_file* file, int level) { return Real(file)->pMethods->xLock(Real(file), level); }
int Unlock(sqlite3_file* file, int level) {
  return Real(file)->pMethods->xUnlock(Real(file), level);
}
int CheckReservedLock(sqlite3_file* file, int* reserved) {
  return Real(file)->pMethods->xCheckReservedLock(Real(file), reserved);
}
int FileControl(sqlite3_file* file, int operation, void* argument) {
  return Real(file)->pMethods->xFileControl(Real(file), operation, argument);
}
int SectorSize(sqlite3_file* file) { return Real(file)->pMethods->xSectorSize(Real(file)); }
int DeviceCharacteristics(sqlite3_file* file) {
  return Real(file)->pMethods->xDeviceCharacteristics(Real(file));
}
int ShmMap(sqlite3_file* file, int page, int bytes, int extend, void volatile** address) {
  return Real(file)->pMethods->xShmMap(Real(file), page, bytes, extend, address);
}
int ShmLock(sqlite3_file* file, int offset, int count, int flags) {
  return Real(file)->pMethods->xShmLock(Real(file), offset, count, flags);
}
void ShmBarrier(sqlite3_file* file) { Real(file)->pMethods->xShmBarrier(Real(file)); }
int ShmUnmap(sqlite3_file* file, int remove) {
  return Real(file)->pMethods->xShmUnmap(Real(file), remove);
}

constexpr sqlite3_io_methods kMethods = {2,
                                         Close,
                                         Read,
                                         Write,
                                         Truncate,
                                         Sync,
                                         FileSize,
                                         Lock,
                                         Unlock,
                                         CheckReservedLock,
                                         FileControl,
                                         SectorSize,
                                         DeviceCharacteristics,
                                         ShmMap,
                                         ShmLock,
                                         ShmBarrier,
                                         ShmUnmap,
                                         nullptr,
                                         nullptr};

int Open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  auto* real_vfs = static_cast<sqlite3_vfs*>(vfs->pAppData);
  file->pMethods = nullptr;
  const int result = real_vfs->xOpen(real_vfs, name, Real(file), flags, out_flags);
  if (Real(file)->pMethods != nullptr) file->pMethods = &kMethods;
  return result;
}

}  // namespace

const char* FaultyVfs() {
  if (sqlite3_vfs_find(kName) == nullptr) {
    static sqlite3_vfs vfs = *sqlite3_vfs_find(nullptr);  // SQLite keeps the address
    vfs.pAppData = sqlite3_vfs_find(nullptr);
    vfs.zName = kName;
    vfs.szOsFile += static_cast<int>(sizeof(File));
    vfs.xOpen = Open;
    KEDGE_CHECK(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK);
  }
  return kName;
}

void SetDiskFault(DiskFault new_fault) { fault = new_fault; }

}  // namespace kedge::store::sqlite
