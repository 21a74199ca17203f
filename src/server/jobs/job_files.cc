// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/job_files.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/crypto/crypto.h"

namespace kedge::server {
namespace {

constexpr size_t kBlockBytes = 256 << 10;
constexpr size_t kReasonBytesMax = 1024;

// Gives the file to `each` block by block, from its start.
template <class Each>
Status ForEachBlock(int fd, Each each) {
  std::vector<uint8_t> block(kBlockBytes);
  for (off_t offset = 0;;) {
    const ssize_t got = pread(fd, block.data(), block.size(), offset);
    if (got < 0) return ErrnoError(errno, "reading");
    if (got == 0) return {};
    KEDGE_TRY_STATUS(each(Bytes(block.data(), static_cast<size_t>(got))));
    offset += got;
  }
}

}  // namespace

Result<std::string> FetchObject(blob::BlobStore& blobs, const blob::ObjectName& name,
                                const Path& file, uint64_t bytes_max) {
  KEDGE_TRY(const blob::BlobStore::Opened object, blobs.Open(name));
  if (object.info.bytes > bytes_max) {
    return InvalidArgument("'" + name.Uri() + "' has " + std::to_string(object.info.bytes) +
                           " bytes, at most " + std::to_string(bytes_max) + " are accepted");
  }
  KEDGE_TRY(const FileDescriptor out, OpenFile(file, O_WRONLY | O_CREAT | O_EXCL, 0600));
  crypto::Hasher sha256(crypto::Hasher::Kind::kSha256);
  KEDGE_TRY_STATUS(ForEachBlock(object.file.get(), [&](Bytes block) {
    sha256.Update(block);
    return WriteAll(out.get(), block);
  }));
  return HexEncode(sha256.Finish());
}

Result<StoredFile> StoreFile(blob::BlobStore& blobs, const Path& file, const StoreAs& as,
                             const std::function<Status()>& hold) {
  KEDGE_TRY(const FileDescriptor in, OpenFile(file, O_RDONLY | O_NOFOLLOW));
  KEDGE_TRY(const auto writer, blobs.Create(as.name, {.content_type = as.content_type}));
  crypto::Hasher sha256(crypto::Hasher::Kind::kSha256);
  crypto::Hasher sha1(crypto::Hasher::Kind::kSha1);
  KEDGE_TRY_STATUS(ForEachBlock(in.get(), [&](Bytes block) {
    sha256.Update(block);
    sha1.Update(block);
    return writer->Append(block);
  }));
  KEDGE_TRY_STATUS(hold());
  KEDGE_TRY([[maybe_unused]] const blob::ObjectInfo stored, writer->Commit());
  return StoredFile{.sha256 = HexEncode(sha256.Finish()), .sha1 = HexEncode(sha1.Finish())};
}

std::string FailureReason(const Error& error) {
  std::string who = "ServerError: ";
  switch (error.code) {
    case Code::kInvalidArgument:
    case Code::kNotFound:
    case Code::kUnimplemented:
      who = "ClientError: InputConfiguration: ";
      break;
    case Code::kPermissionDenied:
    case Code::kDeadlineExceeded:
      who = "ClientError: ";
      break;
    default:
      break;
  }
  return (who + error.message).substr(0, kReasonBytesMax);
}

}  // namespace kedge::server
