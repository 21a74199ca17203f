// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto/crypto.h"

namespace kedge {

namespace {

Error FileError(std::string_view verb, const Path& path) {
  return ErrnoError(errno, std::string(verb) + " '" + path.string() + "'");
}

Path DirectoryOf(const Path& path) {
  return path.has_parent_path() ? path.parent_path() : Path(".");
}

Path TemporaryBeside(const Path& path) {
  return DirectoryOf(path) /
         ("." + path.filename().string() + "." + HexEncode(crypto::RandomBytes(6)) + ".tmp");
}

Status SyncDirectoryAt(const Path& path) {
  KEDGE_TRY(const FileDescriptor directory, OpenFile(path, O_RDONLY | O_DIRECTORY));
  if (::fsync(directory.get()) != 0) return FileError("syncing directory", path);
  return {};
}

class PosixFileWriter final : public FileWriter {
 public:
  PosixFileWriter(FileDescriptor file, Path temporary, Path path)
      : file_(std::move(file)), temporary_(std::move(temporary)), path_(std::move(path)) {}
  ~PosixFileWriter() override {
    if (!committed_) ::unlink(temporary_.c_str());
  }
  Status Append(Bytes data) override {
    if (Status status = WriteAll(file_.get(), data); !status)
      return Wrap(status.error(), "writing '" + path_.string() + "'");
    return {};
  }
  Status Commit() override {
    KEDGE_CHECK(!committed_);
    KEDGE_TRY_STATUS(Sync(file_.get()));
    if (::close(file_.Release()) != 0) return FileError("closing", temporary_);
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) return FileError("renaming to", path_);
    committed_ = true;
    return SyncDirectoryAt(DirectoryOf(path_));
  }

 private:
  FileDescriptor file_;
  Path temporary_;
  Path path_;
  bool committed_ = false;
};

}  // namespace

void FileDescriptor::Reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<FileDescriptor> OpenFile(const Path& path, int flags, int mode) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return FileError("opening", path);
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

Result<ByteBuffer> PosixFileSystem::Read(const Path& path, uint64_t bytes_max) {
  KEDGE_TRY(const FileDescriptor file, OpenFile(path, O_RDONLY));
  auto bytes = ReadAll(file.get(), bytes_max);
  if (!bytes) return Wrap(std::move(bytes).error(), "reading '" + path.string() + "'");
  return bytes;
}

Status PosixFileSystem::WriteAtomically(const Path& path, Bytes data, int mode) {
  KEDGE_TRY(const std::unique_ptr<FileWriter> writer, CreateAtomically(path, mode));
  KEDGE_TRY_STATUS(writer->Append(data));
  return writer->Commit();
}

Result<std::unique_ptr<FileWriter>> PosixFileSystem::CreateAtomically(const Path& path, int mode) {
  Path temporary = TemporaryBeside(path);
  KEDGE_TRY(FileDescriptor file, OpenFile(temporary, O_WRONLY | O_CREAT | O_EXCL, mode));
  return std::unique_ptr<FileWriter>(
      std::make_unique<PosixFileWriter>(std::move(file), std::move(temporary), path));
}

Status PosixFileSystem::AppendDurably(const Path& path, Bytes data) {
  const bool existed = Exists(path);
  KEDGE_TRY(const FileDescriptor file, OpenFile(path, O_WRONLY | O_CREAT | O_APPEND));
  KEDGE_TRY_STATUS(WriteAll(file.get(), data));
  KEDGE_TRY_STATUS(Sync(file.get()));
  return existed ? Status() : SyncDirectoryAt(DirectoryOf(path));
}

Status PosixFileSystem::Rename(const Path& from, const Path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return FileError("renaming to", to);
  KEDGE_TRY_STATUS(SyncDirectoryAt(DirectoryOf(to)));
  if (DirectoryOf(from) != DirectoryOf(to)) KEDGE_TRY_STATUS(SyncDirectoryAt(DirectoryOf(from)));
  return {};
}

Status PosixFileSystem::MakeDirectories(const Path& path, int mode) {
  if (::mkdir(path.c_str(), static_cast<mode_t>(mode)) == 0)
    return SyncDirectoryAt(DirectoryOf(path));
  if (errno == EEXIST) {
    struct stat info{};
    if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return {};
    return AlreadyExists("'" + path.string() + "' exists and is not a directory");
  }
  if (errno != ENOENT || !path.has_parent_path() || path.parent_path() == path)
    return FileError("making directory", path);
  KEDGE_TRY_STATUS(MakeDirectories(path.parent_path(), mode));
  if (::mkdir(path.c_str(), static_cast<mode_t>(mode)) != 0 && errno != EEXIST)
    return FileError("making directory", path);
  return SyncDirectoryAt(DirectoryOf(path));
}

Status PosixFileSystem::SyncDirectory(const Path& path) { return SyncDirectoryAt(path); }

Status PosixFileSystem::Remove(const Path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return FileError("removing", path);
  return {};
}

Status PosixFileSystem::RemoveAll(const Path& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return ErrnoError(error.value(), "removing '" + path.string() + "'");
  return {};
}

bool PosixFileSystem::Exists(const Path& path) { return ::access(path.c_str(), F_OK) == 0; }

Result<uint64_t> PosixFileSystem::Size(const Path& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return FileError("size of", path);
  return static_cast<uint64_t>(info.st_size);
}

Result<std::vector<std::string>> PosixFileSystem::List(const Path& path) {
  std::error_code error;
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator it(path, error), end; !error && it != end;
       it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  if (error) return ErrnoError(error.value(), "listing '" + path.string() + "'");
  std::sort(names.begin(), names.end());
  return names;
}

Result<TemporaryDirectory> TemporaryDirectory::Make(const Path& parent) {
  const char* configured = std::getenv("TMPDIR");
  const Path base = !parent.empty()
                        ? parent
                        : Path(configured != nullptr && *configured != '\0' ? configured : "/tmp");
  std::string pattern = (base / "kedge-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr)
    return FileError("making a temporary directory in", base);
  return TemporaryDirectory(pattern);
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
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
