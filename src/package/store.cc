// SPDX-License-Identifier: Apache-2.0
#include "package/store.h"

#include <algorithm>
#include <fcntl.h>

#include "base/crypto/crypto.h"
#include "package/stored_gzip.h"

namespace kedge::package {

namespace {

constexpr std::string_view kSuffix = ".tar.gz";
constexpr size_t kCopyBytes = 256 << 10;

bool IsDigest(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// Copies the whole file; kAborted unless the copy has the digest.
Status CopyVerified(int fd, const std::string& sha256, FileWriter& writer) {
  crypto::Hasher hasher;
  ByteBuffer part(kCopyBytes);
  for (uint64_t offset = 0;;) {
    const ssize_t n = ::pread(fd, part.data(), part.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError(errno, "reading the package");
    if (n == 0) break;
    const Bytes bytes = Bytes(part).first(static_cast<size_t>(n));
    hasher.Update(bytes);
    KEDGE_TRY_STATUS(writer.Append(bytes));
    offset += bytes.size();
  }
  if (HexEncode(hasher.Finish()) != sha256)
    return Aborted("package changed while it was being installed");
  return {};
}

}  // namespace

Path InstalledPath(const Path& store, const std::string& sha256) {
  return store / (sha256 + std::string(kSuffix));
}

Result<Path> InstallPackage(FileSystem& disk, int fd, const trust::TrustedRoots& roots,
                            const Path& store) {
  KEDGE_TRY(const VerifiedPackage package, OpenPackage(fd, roots));
  Path path = InstalledPath(store, package.sha256());
  if (disk.Exists(path) && OpenInstalled(store, package.sha256(), roots).has_value()) return path;
  KEDGE_TRY_STATUS(disk.MakeDirectories(store));
  KEDGE_TRY(const std::unique_ptr<FileWriter> writer, disk.CreateAtomically(path));
  KEDGE_TRY_STATUS(CopyVerified(fd, package.sha256(), *writer));
  KEDGE_TRY_STATUS(writer->Commit());
  return path;
}

Result<VerifiedPackage> OpenInstalled(const Path& store, const std::string& sha256,
                                      const trust::TrustedRoots& roots) {
  KEDGE_TRY(const FileDescriptor file,
            OpenFile(InstalledPath(store, sha256), O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  auto package = OpenPackage(file.get(), roots);
  if (!package) return Wrap(std::move(package).error(), "installed package '" + sha256 + "'");
  if (package->sha256() != sha256)
    return DataLoss("installed package '" + sha256 + "' is '" + package->sha256() + "'");
  return package;
}

Result<std::vector<std::string>> ListInstalled(FileSystem& disk, const Path& store) {
  std::vector<std::string> digests;
  if (!disk.Exists(store)) return digests;
  KEDGE_TRY(const std::vector<std::string> names, disk.List(store));
  for (const std::string& name : names) {
    const std::string_view digest = std::string_view(name).substr(0, 64);
    if (IsDigest(digest) && name.substr(64) == kSuffix) {
      digests.emplace_back(digest);
    } else if (name.front() == '.' && name.ends_with(".tmp")) {
      KEDGE_TRY_STATUS(disk.Remove(store / name));
    }
  }
  return digests;
}

Status RemoveInstalled(FileSystem& disk, const Path& store, const std::string& sha256) {
  KEDGE_TRY_STATUS(disk.Remove(InstalledPath(store, sha256)));
  return disk.SyncDirectory(store);
}

}  // namespace kedge::package
