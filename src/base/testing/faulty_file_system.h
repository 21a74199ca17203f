// The real disk with one fault: the n-th mutating call fails, once or from then on. A test runs its
// scenario with n = 0, 1, 2, ... until no call fails any more, and checks after each run that
// nothing was lost.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "base/file.h"

namespace kedge {

struct Fault {
  int64_t call = -1;    // index of the mutating call that fails; -1: none
  bool sticky = false;  // all later ones fail too, as on a full disk
  Code code = Code::kResourceExhausted;
};

class FaultyFileSystem final : public FileSystem {
 public:
  explicit FaultyFileSystem(Fault fault = {}) : fault_(fault) {}
  // Mutating calls seen so far; below `fault.call` means that the scenario ended without the fault.
  int64_t calls() const { return calls_.load(); }
  void Heal() { fault_.call = -1; }
  // Anew: all calls from this one on fail.
  void FailFrom(int64_t call) { fault_ = {.call = call, .sticky = true}; }

  Result<ByteBuffer> Read(const Path& path, uint64_t bytes_max) override {
    return disk_.Read(path, bytes_max);
  }
  Status WriteAtomically(const Path& path, Bytes data, int mode) override;
  Result<std::unique_ptr<FileWriter>> CreateAtomically(const Path& path, int mode) override;
  Status AppendDurably(const Path& path, Bytes data) override;
  Status Rename(const Path& from, const Path& to) override;
  Status MakeDirectories(const Path& path, int mode) override;
  Status SyncDirectory(const Path& path) override;
  Status Remove(const Path& path) override;
  Status RemoveAll(const Path& path) override;
  bool Exists(const Path& path) override { return disk_.Exists(path); }
  Result<uint64_t> Size(const Path& path) override { return disk_.Size(path); }
  Result<std::vector<std::string>> List(const Path& path) override { return disk_.List(path); }

  // Counts one mutating call; an error if it is the one that fails.
  Status Count();

 private:
  PosixFileSystem disk_;
  Fault fault_;
  std::atomic<int64_t> calls_{0};
};

}  // namespace kedge
