// SPDX-License-Identifier: Apache-2.0
#include "base/descriptor.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace kedge {

void FileDescriptor::Reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<FileDescriptor> OpenFile(const Path& path, int flags, int mode) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return ErrnoError(errno, "opening '" + path.string() + "'");
  return FileDescriptor(fd);
}

Status WriteAll(int fd, Bytes data) {
  while (!data.empty()) {
    const ssize_t n = ::write(fd, data.data(), std::min<size_t>(data.size(), 1u << 30));
    if (n < 0) {
      if (errno == EINTR) continue;
      return ErrnoError(errno, "write");
    }
    data = data.subspan(static_cast<size_t>(n));
  }
  return {};
}

Result<ByteBuffer> ReadAll(int fd, uint64_t bytes_max) {
  ByteBuffer bytes;
  struct stat info{};
  if (::fstat(fd, &info) == 0 && info.st_size > 0) {
    if (static_cast<uint64_t>(info.st_size) > bytes_max) {
      return ResourceExhausted("file of " + std::to_string(info.st_size) +
                               " bytes is longer than the limit of " + std::to_string(bytes_max));
    }
    bytes.resize(static_cast<size_t>(info.st_size));
  }
  size_t at = 0;
  for (;;) {
    if (at == bytes.size())
      bytes.resize(std::min<uint64_t>(bytes_max + 1, at + std::max<size_t>(at / 2, 4096)));
    const ssize_t n = ::pread(fd, bytes.data() + at, bytes.size() - at, static_cast<off_t>(at));
    if (n < 0) {
      if (errno == EINTR) continue;
      return ErrnoError(errno, "read");
    }
    if (n == 0) break;
    at += static_cast<size_t>(n);
    if (at > bytes_max)
      return ResourceExhausted("file is longer than the limit of " + std::to_string(bytes_max) +
                               " bytes");
  }
  bytes.resize(at);
  return bytes;
}

Status Sync(int fd) {
  if (::fsync(fd) != 0) return ErrnoError(errno, "fsync");
  return {};
}

Result<MappedFile> MappedFile::Map(int fd) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return ErrnoError(errno, "fstat");
  if (info.st_size <= 0) return InvalidArgument("file to map is empty");
  const auto size = static_cast<size_t>(info.st_size);
  void* at = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) return ErrnoError(errno, "mmap");
  return MappedFile(Bytes(static_cast<const uint8_t*>(at), size));
}

Result<MappedFile> MappedFile::Open(const Path& path) {
  KEDGE_TRY(const FileDescriptor file, OpenFile(path, O_RDONLY));
  auto mapped = Map(file.get());
  if (!mapped) return Wrap(std::move(mapped).error(), "mapping '" + path.string() + "'");
  return mapped;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<uint8_t*>(bytes_.data()), bytes_.size());
}

}  // namespace kedge
