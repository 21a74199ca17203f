// Open files by descriptor: owning, reading, writing and mapping them. Needs nothing but the C
// library, so that programs on a device can use it without base/file.h.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"

namespace kedge {

using Path = std::filesystem::path;

// A file descriptor that closes itself.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() { Reset(); }
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.Release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
      Reset();
      fd_ = other.Release();
    }
    return *this;
  }
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void Reset();

 private:
  int fd_ = -1;
};

// open(2) with O_CLOEXEC.
Result<FileDescriptor> OpenFile(const Path& path, int flags, int mode = 0644);
// All bytes, however many calls it takes.
Status WriteAll(int fd, Bytes data);
// Reads from the file's start to its end without moving its offset. kResourceExhausted above
// bytes_max.
Result<ByteBuffer> ReadAll(int fd, uint64_t bytes_max);
// fsync(2). A failed sync is never tried again: the kernel may have dropped the pages.
Status Sync(int fd);

// A read-only mapping of a whole file or memfd.
class MappedFile {
 public:
  MappedFile() = default;
  // kInvalidArgument for an empty file.
  static Result<MappedFile> Map(int fd);
  static Result<MappedFile> Open(const Path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  Bytes bytes() const { return bytes_; }

 private:
  explicit MappedFile(Bytes bytes) : bytes_(bytes) {}
  Bytes bytes_;
};

}  // namespace kedge
