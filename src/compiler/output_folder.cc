// SPDX-License-Identifier: Apache-2.0
#include "compiler/output_folder.h"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <vector>

#include "base/crypto/crypto.h"

namespace kedge::compiler {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"model.so", "weights.bin", "report.json",
                                                    "source"};

Status CheckPlace(const Path& place) {
  std::error_code error;
  const auto status = std::filesystem::symlink_status(place, error);
  if (status.type() == std::filesystem::file_type::not_found) return {};
  if (status.type() != std::filesystem::file_type::directory) {
    return AlreadyExists("output '" + place.string() + "' is there and is no folder");
  }
  std::filesystem::directory_iterator walk(place, error), end;
  for (; !error && walk != end; walk.increment(error)) {
    const std::string name = walk->path().filename().string();
    if (std::find(kNames.begin(), kNames.end(), name) == kNames.end()) {
      return AlreadyExists("output folder '" + place.string() + "' holds '" + name +
                           "', which is not of a compiled model");
    }
  }
  if (error) return ErrnoError(error.value(), "reading " + place.string());
  return {};
}

constexpr size_t kTagBytes = 6;
constexpr std::string_view kSuffix = ".new";

// Held, by an open descriptor, as long as the folder's maker lives; without effect where the file
// system has no locks.
bool Lock(const FileDescriptor& folder) { return ::flock(folder.get(), LOCK_EX | LOCK_NB) == 0; }

// Removes the folders that compilations to the same place left when they were killed. One that
// still runs holds its lock.
void Sweep(const Path& parent, const std::string& prefix) {
  std::error_code error;
  std::vector<Path> left;
  std::filesystem::directory_iterator walk(parent, error), end;
  for (; !error && walk != end; walk.increment(error)) {
    const std::string name = walk->path().filename().string();
    const size_t bytes = prefix.size() + 2 * kTagBytes + kSuffix.size();
    if (name.size() != bytes || !name.starts_with(prefix) || !name.ends_with(kSuffix)) continue;
    const std::string tag = name.substr(prefix.size(), 2 * kTagBytes);
    if (tag.find_first_not_of("0123456789abcdef") == std::string::npos) left.push_back(*walk);
  }
  for (const Path& path : left) {
    auto folder = OpenFile(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (folder && Lock(*folder) && CheckPlace(path)) std::filesystem::remove_all(path, error);
  }
}

}  // namespace

Result<OutputFolder> OutputFolder::Make(const Path& given) {
  std::string text = std::filesystem::absolute(given).lexically_normal().string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  const Path place(text);
  KEDGE_TRY_STATUS(CheckPlace(place));
  std::error_code error;
  std::filesystem::create_directories(place.parent_path(), error);
  if (error) return ErrnoError(error.value(), "making " + place.parent_path().string());
  const std::string prefix = "." + place.filename().string() + ".";
  Sweep(place.parent_path(), prefix);
  const Path path = place.parent_path() /
                    (prefix + HexEncode(crypto::RandomBytes(kTagBytes)) + std::string(kSuffix));
  if (::mkdir(path.c_str(), 0755) != 0) return ErrnoError(errno, "making " + path.string());
  KEDGE_TRY(FileDescriptor lock, OpenFile(path, O_RDONLY | O_DIRECTORY));
  if (!Lock(lock) && errno == EWOULDBLOCK) {
    return FailedPrecondition("another compilation to '" + place.string() + "' took '" +
                              path.string() + "' for a leftover; try again");
  }
  return OutputFolder(place, path, std::move(lock));
}

OutputFolder::OutputFolder(OutputFolder&& other) noexcept
    : place_(std::move(other.place_)),
      path_(std::exchange(other.path_, {})),
      lock_(std::move(other.lock_)) {}

OutputFolder::~OutputFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

Status OutputFolder::Write(const std::string& name, std::string_view text) {
  KEDGE_TRY(const FileDescriptor fd, OpenFile(path_ / name, O_WRONLY | O_CREAT | O_TRUNC));
  return WriteAll(fd.get(), AsBytes(text));
}

Status OutputFolder::Commit() {
  for (std::string_view name : kNames) {
    auto fd = OpenFile(path_ / Path(name), O_RDONLY);
    if (fd) KEDGE_TRY_STATUS(Sync(fd->get()));
  }
  PosixFileSystem disk;
  KEDGE_TRY_STATUS(disk.SyncDirectory(path_));
  // Looked at again: it may have changed while the compiler ran.
  KEDGE_TRY_STATUS(CheckPlace(place_));
  if (disk.Exists(place_)) {
    if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, place_.c_str(), RENAME_EXCHANGE) != 0) {
      return ErrnoError(errno, "replacing " + place_.string());
    }
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  } else if (::rename(path_.c_str(), place_.c_str()) != 0) {
    return ErrnoError(errno, "renaming to " + place_.string());
  }
  path_.clear();
  return disk.SyncDirectory(place_.parent_path());
}

}  // namespace kedge::compiler
