// Locks over a folder that several threads of several processes share.
//
// A stripe is held by one thread of one process: a mutex between threads, flock() of a file between
// processes. The kernel drops a file's lock with its holder's death, so nobody waits for the dead.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <mutex>
#include <vector>

#include "base/file.h"

namespace kedge::blob {

// Thread-safe.
class FolderLocks {
 public:
  static constexpr size_t kStripes = 32;  // the thread sanitizer follows 64 locks held at once

  // Below `folder`, which is made. kUnavailable if it cannot be locked.
  static Result<std::unique_ptr<FolderLocks>> Open(FileSystem& disk, const Path& folder);

  // What one holds; gone, it is free. Not thread-safe.
  class Held {
   public:
    Held(Held&& other) noexcept : locks_(std::exchange(other.locks_, {})) {}
    Held& operator=(Held&&) = delete;
    ~Held();

   private:
    friend class FolderLocks;
    struct One {
      std::unique_lock<std::mutex> thread;
      int fd = -1;
    };
    Held() = default;
    std::vector<One> locks_;
  };
  // The stripe that the text's hash chooses.
  Result<Held> Lock(const std::string& text);
  Result<Held> LockAll();

  // Whether no other process had the folder open when this one opened it. Others wait in Open()
  // until DoneAlone() is called.
  bool alone() const { return alone_; }
  Status DoneAlone();

 private:
  FolderLocks() = default;
  Status Add(size_t stripe, Held& held);

  std::array<std::mutex, kStripes> mutexes_;
  std::array<FileDescriptor, kStripes> files_;
  FileDescriptor users_;  // locked shared by all who have the folder open
  bool alone_ = false;
};

}  // namespace kedge::blob
