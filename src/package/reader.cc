// Reading and verifying in one pass. After the manifest and its signature everything that must
// follow is known; the rest is comparing.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>

#include "package/authenticate.h"
#include "package/package.h"
#include "package/stored_gzip.h"
#include "package/ustar.h"

namespace kedge::package {

namespace {

// Reads `bytes` zero bytes.
Status ReadZeros(StoredReader& reader, uint64_t bytes, std::string_view what) {
  while (bytes > 0) {
    KEDGE_TRY(const Bytes some, reader.ReadSome(bytes));
    if (std::any_of(some.begin(), some.end(), [](uint8_t b) { return b != 0; }))
      return InvalidArgument(std::string(what) + " is not zero");
    bytes -= some.size();
  }
  return {};
}

// One of the first two entries, whose size only its header says.
Result<std::string> ReadTextEntry(StoredReader& reader, std::string_view name, size_t bytes_max) {
  UstarHeader header;
  KEDGE_TRY_STATUS(reader.ReadExactly(header));
  const auto bytes = ReadUstarSize(header);
  KEDGE_TRY_STATUS(CheckUstarHeader(header, name, bytes.value_or(0)));
  KEDGE_TRY_STATUS(bytes);
  if (*bytes > bytes_max) {
    return ResourceExhausted("'" + std::string(name) + "' has " + std::to_string(*bytes) +
                             " bytes, at most " + std::to_string(bytes_max) + " are allowed");
  }
  std::string text(*bytes, '\0');
  KEDGE_TRY_STATUS(reader.ReadExactly({reinterpret_cast<uint8_t*>(text.data()), text.size()}));
  KEDGE_TRY_STATUS(ReadZeros(reader, PaddingBytes(*bytes), "padding after " + std::string(name)));
  return text;
}

// Header, content and padding of a file the manifest lists. Gives the content's place.
Result<uint64_t> ReadFileEntry(StoredReader& reader, const FileEntry& file) {
  UstarHeader header;
  KEDGE_TRY_STATUS(reader.ReadExactly(header));
  KEDGE_TRY_STATUS(CheckUstarHeader(header, file.name, file.bytes));
  const uint64_t offset = reader.position();
  crypto::Hasher hasher;
  for (uint64_t missing = file.bytes; missing > 0;) {
    KEDGE_TRY(const Bytes some, reader.ReadSome(missing));
    hasher.Update(some);
    missing -= some.size();
  }
  if (HexEncode(hasher.Finish()) != file.sha256)
    return InvalidArgument("content of '" + file.name + "' does not have the signed digest");
  KEDGE_TRY_STATUS(
      ReadZeros(reader, PaddingBytes(file.bytes), "padding after '" + file.name + "'"));
  return offset;
}

uint64_t ExpectedStreamBytes(std::string_view manifest_text, std::string_view signature_text,
                             const Manifest& manifest) {
  uint64_t bytes =
      EntryBytes(manifest_text.size()) + EntryBytes(signature_text.size()) + kTarEndBytes;
  for (const FileEntry& file : manifest.files) bytes += EntryBytes(file.bytes);
  return bytes;
}

Result<uint64_t> RegularFileBytes(int fd) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return ErrnoError(errno, "stat of the package");
  if (!S_ISREG(info.st_mode)) return InvalidArgument("package is not a regular file");
  const auto bytes = static_cast<uint64_t>(info.st_size);
  if (bytes > kPackageBytesMax)
    return ResourceExhausted("package has " + std::to_string(bytes) + " bytes, at most " +
                             std::to_string(kPackageBytesMax) + " are allowed");
  return bytes;
}

}  // namespace

Result<VerifiedPackage> OpenPackage(int fd, const trust::TrustedRoots& roots) {
  VerifiedPackage package;
  package.file_ = FileDescriptor(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!package.file_.valid()) return ErrnoError(errno, "keeping the package open");
  KEDGE_TRY(const uint64_t file_bytes, RegularFileBytes(fd));
  KEDGE_TRY(StoredReader reader, StoredReader::Open(package.file_.get(), file_bytes));
  KEDGE_TRY(package.manifest_text_, ReadTextEntry(reader, kManifestName, kManifestBytesMax));
  KEDGE_TRY(package.signature_text_, ReadTextEntry(reader, kSignatureName, kSignatureBytesMax));
  KEDGE_TRY(Authenticated authenticated,
            Authenticate(package.manifest_text_, package.signature_text_, roots));
  package.manifest_ = std::move(authenticated.manifest);
  package.key_id_ = std::move(authenticated.key_id);
  const uint64_t expected =
      ExpectedStreamBytes(package.manifest_text_, package.signature_text_, package.manifest_);
  if (reader.stream_bytes() != expected) {
    return InvalidArgument("archive is " + std::to_string(reader.stream_bytes()) +
                           " bytes long, its manifest describes " + std::to_string(expected));
  }
  for (const FileEntry& file : package.manifest_.files) {
    KEDGE_TRY(const uint64_t offset, ReadFileEntry(reader, file));
    package.sources_[file.name].stream_offset = offset;
  }
  KEDGE_TRY_STATUS(ReadZeros(reader, kTarEndBytes, "end of the archive"));
  KEDGE_TRY(package.sha256_, reader.Finish());
  return package;
}

Result<VerifiedPackage> OpenPackageAt(const Path& path, const trust::TrustedRoots& roots) {
  // O_NONBLOCK: a pipe is refused, not waited for.
  KEDGE_TRY(const FileDescriptor file, kedge::OpenFile(path, O_RDONLY | O_NONBLOCK));
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return ErrnoError(errno, "stat '" + path.string() + "'");
  auto package = S_ISDIR(info.st_mode) ? OpenPackageDirectory(file.get(), roots)
                                       : OpenPackage(file.get(), roots);
  if (!package) return Wrap(std::move(package).error(), "'" + path.string() + "'");
  return package;
}

}  // namespace kedge::package
