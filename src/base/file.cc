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

}  // namespace kedge
