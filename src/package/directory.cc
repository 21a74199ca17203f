// A package that somebody unpacked. The same promise as for the file: exactly the signed files,
// each opened once, never through a link.
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>

#include "package/authenticate.h"
#include "package/encoder.h"
#include "package/package.h"

namespace kedge::package {

namespace {

using OpenFiles = std::map<std::string, FileDescriptor>;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

// Collects the files below a folder by name relative to the top.
class Collector {
 public:
  Status Collect(int directory, const std::string& prefix) {
    KEDGE_TRY(const std::vector<std::string> names, List(directory, prefix));
    if (names.empty()) return InvalidArgument("folder '" + prefix + "' is empty");
    for (const std::string& name : names) KEDGE_TRY_STATUS(Visit(directory, prefix, name));
    return {};
  }
  OpenFiles TakeFiles() { return std::move(files_); }

 private:
  // Names but "." and "..". Reads through a descriptor of its own.
  Result<std::vector<std::string>> List(int directory, const std::string& prefix) {
    const int own = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const std::unique_ptr<DIR, CloseDirectory> stream(own < 0 ? nullptr : ::fdopendir(own));
    if (!stream) return ErrnoError(errno, "listing the package's folder '" + prefix + "'");
    std::vector<std::string> names;
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(stream.get());
      if (entry == nullptr) break;
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (++seen_ > 2 * kFilesMax)
        return ResourceExhausted("folder holds more than " + std::to_string(kFilesMax) + " files");
      names.push_back(name);
    }
    if (errno != 0) return ErrnoError(errno, "listing the package's folder '" + prefix + "'");
    return names;
  }

  Status Visit(int directory, const std::string& prefix, const std::string& name) {
    const std::string path = prefix + name;
    KEDGE_TRY_STATUS(CheckFileName(path));
    // O_NONBLOCK: a pipe is refused, not waited for. O_NOFOLLOW: a link is an error.
    FileDescriptor file(
        ::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file.valid()) {
      if (errno == ELOOP) return InvalidArgument("'" + path + "' is a link");
      return ErrnoError(errno, "opening '" + path + "'");
    }
    struct stat info{};
    if (::fstat(file.get(), &info) != 0) return ErrnoError(errno, "stat '" + path + "'");
    if (S_ISDIR(info.st_mode)) return Collect(file.get(), path + "/");
    if (!S_ISREG(info.st_mode))
      return InvalidArgument("'" + path + "' is neither a regular file nor a folder");
    files_.emplace(path, std::move(file));
    return {};
  }

  OpenFiles files_;
  size_t seen_ = 0;
};

Result<std::string> ReadText(const OpenFiles& files, std::string_view name, size_t bytes_max) {
  const auto found = files.find(std::string(name));
  if (found == files.end()) return InvalidArgument("folder has no '" + std::string(name) + "'");
  KEDGE_TRY(const ByteBuffer text, ReadAll(found->second.get(), bytes_max));
  return std::string(AsText(text));
}

// Digests a file, which must have the size the manifest says, and feeds it to the encoder.
Status CheckFile(int fd, const FileEntry& entry, PackageEncoder& encoder) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return ErrnoError(errno, "stat '" + entry.name + "'");
  if (static_cast<uint64_t>(info.st_size) != entry.bytes)
    return InvalidArgument("'" + entry.name + "' has " + std::to_string(info.st_size) +
                           " bytes, the manifest says " + std::to_string(entry.bytes));
  KEDGE_TRY_STATUS(encoder.BeginFile(entry.name, entry.bytes));
  crypto::Hasher hasher;
  ByteBuffer part;
  for (uint64_t offset = 0; offset < entry.bytes; offset += part.size()) {
    part.resize(std::min<uint64_t>(kStoredBlockBytes, entry.bytes - offset));
    KEDGE_TRY_STATUS(ReadAt(fd, offset, part));
    hasher.Update(part);
    KEDGE_TRY_STATUS(encoder.Append(part));
  }
  if (HexEncode(hasher.Finish()) != entry.sha256)
    return InvalidArgument("content of '" + entry.name + "' does not have the signed digest");
  return {};
}

}  // namespace

Result<VerifiedPackage> OpenPackageDirectory(int directory, const trust::TrustedRoots& roots) {
  Collector collector;
  KEDGE_TRY_STATUS(collector.Collect(directory, ""));
  OpenFiles files = collector.TakeFiles();

  VerifiedPackage package;
  KEDGE_TRY(package.manifest_text_, ReadText(files, kManifestName, kManifestBytesMax));
  KEDGE_TRY(package.signature_text_, ReadText(files, kSignatureName, kSignatureBytesMax));
  KEDGE_TRY(Authenticated authenticated,
            Authenticate(package.manifest_text_, package.signature_text_, roots));
  package.manifest_ = std::move(authenticated.manifest);
  package.key_id_ = std::move(authenticated.key_id);

  // The package file with this content is written into nothing but a digest: its identity.
  crypto::Hasher whole;
  PackageEncoder encoder([&whole](Bytes bytes) -> Status {
    whole.Update(bytes);
    return {};
  });
  KEDGE_TRY_STATUS(encoder.AddFile(kManifestName, package.manifest_text_));
  KEDGE_TRY_STATUS(encoder.AddFile(kSignatureName, package.signature_text_));
  for (const FileEntry& entry : package.manifest_.files) {
    const auto found = files.find(entry.name);
    if (found == files.end()) return InvalidArgument("folder has no '" + entry.name + "'");
    KEDGE_TRY_STATUS(CheckFile(found->second.get(), entry, encoder));
    package.sources_[entry.name].file = std::move(found->second);
    files.erase(found);
  }
  for (const auto& [name, file] : files) {
    if (name != kManifestName && name != kSignatureName)
      return InvalidArgument("folder has the file '" + name + "' that the package does not");
  }
  KEDGE_TRY_STATUS(encoder.Finish());
  package.sha256_ = HexEncode(whole.Finish());
  return package;
}

}  // namespace kedge::package
