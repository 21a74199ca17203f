// SPDX-License-Identifier: Apache-2.0
#include "agent/update/fetch.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/crypto/crypto.h"
#include "package/format.h"

namespace kedge::agent {

Status FetchObject(EdgeClient& client, FileSystem& disk, const ObjectName& object, const Path& file,
                   const std::atomic<bool>* cancelled) {
  uint64_t stored = 0;
  if (disk.Exists(file)) {
    KEDGE_TRY(stored, disk.Size(file));
  }
  ByteBuffer piece;
  const auto store_piece = [&]() -> Status {
    if (piece.empty()) return {};
    KEDGE_TRY_STATUS(disk.AppendDurably(file, piece));
    stored += piece.size();
    piece.clear();
    return {};
  };
  const auto sink = [&](Bytes bytes) -> Status {
    if (stored + piece.size() + bytes.size() > package::kPackageBytesMax)
      return ResourceExhausted("the object is larger than a package may be");
    piece.insert(piece.end(), bytes.begin(), bytes.end());
    return piece.size() < kFetchPieceBytes ? Status() : store_piece();
  };
  const Status read = client.ReadObject(object, stored, sink, cancelled);
  if (!read && read.error().code == Code::kAborted) {
    KEDGE_TRY_STATUS(disk.Remove(file));
    return read.error();
  }
  if (!read && read.error().code == Code::kOutOfRange && stored > 0) return {};  // it was complete
  // What came before a broken connection is kept: the next attempt goes on after it.
  Status kept = store_piece();
  if (!read) return read.error();
  return kept;
}

Result<std::string> Sha1OfFile(const Path& file) {
  KEDGE_TRY(const FileDescriptor open_file, OpenFile(file, O_RDONLY | O_NOFOLLOW));
  crypto::Hasher hasher(crypto::Hasher::Kind::kSha1);
  ByteBuffer buffer(kFetchPieceBytes);
  while (true) {
    const ssize_t n = read(open_file.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError(errno, "reading " + file.string());
    if (n == 0) return HexEncode(hasher.Finish());
    hasher.Update({buffer.data(), static_cast<size_t>(n)});
  }
}

bool IsTransient(const Error& error) {
  return error.code == Code::kUnavailable || error.code == Code::kDeadlineExceeded ||
         error.code == Code::kAborted || error.code == Code::kCancelled;
}

}  // namespace kedge::agent
