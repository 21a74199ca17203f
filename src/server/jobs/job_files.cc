// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/job_files.h"

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

#include "base/crypto/crypto.h"
#include "server/keys/sealed_blobs.h"

namespace kedge::server {
namespace {

constexpr size_t kBlockBytes = 256 << 10;
constexpr size_t kReasonBytesMax = 1024;
constexpr int kStoreTriesMax = 5;

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

namespace {

struct Attempt {
  bool conditional = true;  // false where the store cannot do it
  bool held = false;        // out: everything but the last step went well
};

// One attempt. kAborted, kAlreadyExists: the object changed meanwhile. kUnimplemented: the store
// does not know conditions.
Result<StoredFile> TryToStore(blob::BlobStore& blobs, int file, const StoreAs& as,
                              const std::function<Status()>& hold, Attempt& attempt) {
  blob::ObjectAttributes attributes{.content_type = as.content_type};
  if (!as.key_name.empty()) attributes.metadata[kKeyAttribute] = as.key_name;
  KEDGE_TRY(const auto writer, blobs.Create(as.name, std::move(attributes)));
  crypto::Hasher sha256(crypto::Hasher::Kind::kSha256);
  crypto::Hasher sha1(crypto::Hasher::Kind::kSha1);
  KEDGE_TRY_STATUS(ForEachBlock(file, [&](Bytes block) {
    sha256.Update(block);
    sha1.Update(block);
    return writer->Append(block);
  }));
  // What is there is looked at before it is made sure that the job is still ours: whoever takes the
  // job over puts another object there, and ours is refused.
  const auto there = blobs.Head(as.name);
  if (!there && there.error().code != Code::kNotFound) return there.error();
  KEDGE_TRY_STATUS(hold());
  attempt.held = true;
  if (!attempt.conditional) {
    // Nothing: then the time between here and the commit is the only danger.
  } else if (there) {
    const auto stored = there->attributes.metadata.find(kStoredEtagAttribute);
    writer->OnlyIfEtag(stored == there->attributes.metadata.end() ? there->etag : stored->second);
  } else {
    writer->OnlyIfAbsent();
  }
  KEDGE_TRY([[maybe_unused]] const blob::ObjectInfo stored, writer->Commit());
  return StoredFile{.sha256 = HexEncode(sha256.Finish()), .sha1 = HexEncode(sha1.Finish())};
}

}  // namespace

Result<StoredFile> StoreFile(blob::BlobStore& blobs, const Path& file, const StoreAs& as,
                             const std::function<Status()>& hold) {
  KEDGE_TRY(const FileDescriptor in, OpenFile(file, O_RDONLY | O_NOFOLLOW));
  bool conditional = true;
  for (int i = 1;; ++i) {
    Attempt attempt{.conditional = conditional};
    auto stored = TryToStore(blobs, in.get(), as, hold, attempt);
    if (stored || !attempt.held || i == kStoreTriesMax) return stored;
    const Code code = stored.error().code;
    if (code == Code::kUnimplemented) {
      conditional = false;
    } else if (code != Code::kAborted && code != Code::kAlreadyExists) {
      return stored;
    }
  }
}

void WipeFiles(const Path& folder) {
  const ByteBuffer zeros(kBlockBytes);
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, error)) {
    if (!entry.is_regular_file(error) || entry.is_symlink(error)) continue;
    const auto file = OpenFile(entry.path(), O_WRONLY | O_NOFOLLOW);
    if (!file) continue;
    for (uint64_t left = entry.file_size(error); left > 0 && !error;) {
      const uint64_t n = std::min<uint64_t>(left, zeros.size());
      if (!WriteAll(file->get(), Bytes(zeros).first(n))) break;
      left -= n;
    }
    static_cast<void>(fdatasync(file->get()));
  }
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
