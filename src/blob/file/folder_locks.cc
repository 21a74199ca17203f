// SPDX-License-Identifier: Apache-2.0
#include "blob/file/folder_locks.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>

namespace kedge::blob {

namespace {

Status Flock(int fd, int operation) {
  int done = 0;
  do {
    done = ::flock(fd, operation);
  } while (done != 0 && errno == EINTR);
  if (done != 0) return Unavailable("locking the object folder: " + std::string(strerror(errno)));
  return {};
}

// Both processes must choose the same stripe: FNV-1a, not std::hash.
size_t StripeOf(const std::string& text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return (hash >> 32) % FolderLocks::kStripes;
}

}  // namespace

Result<std::unique_ptr<FolderLocks>> FolderLocks::Open(FileSystem& disk, const Path& folder) {
  KEDGE_TRY_STATUS(disk.MakeDirectories(folder));
  auto locks = std::unique_ptr<FolderLocks>(new FolderLocks);
  for (size_t i = 0; i < kStripes; ++i) {
    KEDGE_TRY(locks->files_[i],
              OpenFile(folder / std::to_string(i), O_RDWR | O_CREAT | O_NOFOLLOW, 0644));
  }
  KEDGE_TRY(locks->users_, OpenFile(folder / "users", O_RDWR | O_CREAT | O_NOFOLLOW, 0644));
  locks->alone_ = ::flock(locks->users_.get(), LOCK_EX | LOCK_NB) == 0;
  if (!locks->alone_) KEDGE_TRY_STATUS(Flock(locks->users_.get(), LOCK_SH));
  return locks;
}

Status FolderLocks::DoneAlone() { return Flock(users_.get(), LOCK_SH); }

Status FolderLocks::Add(size_t stripe, Held& held) {
  std::unique_lock thread(mutexes_[stripe]);
  KEDGE_TRY_STATUS(Flock(files_[stripe].get(), LOCK_EX));
  held.locks_.push_back({std::move(thread), files_[stripe].get()});
  return {};
}

Result<FolderLocks::Held> FolderLocks::Lock(const std::string& text) {
  Held held;
  KEDGE_TRY_STATUS(Add(StripeOf(text), held));
  return held;
}

Result<FolderLocks::Held> FolderLocks::LockAll() {
  Held held;
  for (size_t i = 0; i < kStripes; ++i) KEDGE_TRY_STATUS(Add(i, held));
  return held;
}

FolderLocks::Held::~Held() {
  for (const One& one : locks_) ::flock(one.fd, LOCK_UN);  // before the threads' lock
}

}  // namespace kedge::blob
