// The disk enters through here, so that a test can put a faulty one in its place
// (base/testing/faulty_file_system.h).
//
// An answer of success from a function that says "durably" means: the bytes and the directory entry
// were synced.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/descriptor.h"
#include "base/result.h"

namespace kedge {

// An open file that is written from front to back. Not thread-safe. Destroyed without Commit(): the
// file is removed.
class FileWriter {
 public:
  virtual ~FileWriter() = default;
  virtual Status Append(Bytes data) = 0;
  // Syncs the file, gives it its name (replacing what had it) and syncs the directory. Once.
  virtual Status Commit() = 0;
};

// Thread-safe. Paths are absolute or relative to the working directory. Errors: kNotFound,
// kPermissionDenied, kResourceExhausted (disk full), kDataLoss (I/O error), as ErrnoError() maps
// them.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual Result<ByteBuffer> Read(const Path& path, uint64_t bytes_max = uint64_t{4} << 30) = 0;
  // Durably. Old content or new, never a mix: a temporary file beside it is synced, then renamed
  // over it.
  virtual Status WriteAtomically(const Path& path, Bytes data, int mode = 0644) = 0;
  // The same for content that comes in parts.
  virtual Result<std::unique_ptr<FileWriter>> CreateAtomically(const Path& path,
                                                               int mode = 0644) = 0;
  // Appends durably to a file that is made if absent.
  virtual Status AppendDurably(const Path& path, Bytes data) = 0;
  // Renames a file or directory durably: both parent directories are synced. The content must have
  // been synced before.
  virtual Status Rename(const Path& from, const Path& to) = 0;
  // Durably, with parents; success if it exists.
  virtual Status MakeDirectories(const Path& path, int mode = 0755) = 0;
  // Syncs a directory's entries.
  virtual Status SyncDirectory(const Path& path) = 0;
  // Success if absent.
  virtual Status Remove(const Path& path) = 0;
  virtual Status RemoveAll(const Path& path) = 0;
  virtual bool Exists(const Path& path) = 0;
  virtual Result<uint64_t> Size(const Path& path) = 0;
  // Names (not paths) in a directory, sorted.
  virtual Result<std::vector<std::string>> List(const Path& path) = 0;
};

// The real disk.
class PosixFileSystem final : public FileSystem {
 public:
  Result<ByteBuffer> Read(const Path& path, uint64_t bytes_max) override;
  Status WriteAtomically(const Path& path, Bytes data, int mode) override;
  Result<std::unique_ptr<FileWriter>> CreateAtomically(const Path& path, int mode) override;
  Status AppendDurably(const Path& path, Bytes data) override;
  Status Rename(const Path& from, const Path& to) override;
  Status MakeDirectories(const Path& path, int mode) override;
  Status SyncDirectory(const Path& path) override;
  Status Remove(const Path& path) override;
  Status RemoveAll(const Path& path) override;
  bool Exists(const Path& path) override;
  Result<uint64_t> Size(const Path& path) override;
  Result<std::vector<std::string>> List(const Path& path) override;
};

// A directory with a random name that is removed with its content at the end.
class TemporaryDirectory {
 public:
  // Below `parent`, or below $TMPDIR or /tmp.
  static Result<TemporaryDirectory> Make(const Path& parent = {});
  ~TemporaryDirectory();
  TemporaryDirectory(TemporaryDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryDirectory& operator=(TemporaryDirectory&&) = delete;
  const Path& path() const { return path_; }

 private:
  explicit TemporaryDirectory(Path path) : path_(std::move(path)) {}
  Path path_;
};

}  // namespace kedge
