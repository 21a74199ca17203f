// SPDX-License-Identifier: Apache-2.0
#include "http/body.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace kedge::http {

namespace {
constexpr size_t kPieceBytes = 256u << 10;
}

Result<BodyReader> BodyReader::Open(const Request& request) {
  if (request.body_file.empty()) return BodyReader(request, FileDescriptor());
  KEDGE_TRY(FileDescriptor file, OpenFile(request.body_file, O_RDONLY));
  return BodyReader(request, std::move(file));
}

Result<size_t> BodyReader::Read(std::span<uint8_t> room) {
  if (!file_.valid()) {
    const size_t n = std::min<uint64_t>(room.size(), request_->body.size() - at_);
    std::copy_n(request_->body.data() + at_, n, room.data());
    at_ += n;
    return n;
  }
  const size_t wanted = std::min<uint64_t>(room.size(), request_->body_bytes - at_);
  size_t filled = 0;
  while (filled < wanted) {
    const ssize_t n = ::pread(file_.get(), room.data() + filled, wanted - filled,
                              static_cast<off_t>(at_ + filled));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError(errno, "reading the spooled body");
    if (n == 0) return DataLoss("the spooled body is shorter than it was received");
    filled += static_cast<size_t>(n);
  }
  at_ += filled;
  return filled;
}

Status CopyBody(const Request& request, const BodySink& sink) {
  KEDGE_TRY(BodyReader reader, BodyReader::Open(request));
  ByteBuffer piece(kPieceBytes);
  for (;;) {
    KEDGE_TRY(const size_t n, reader.Read(piece));
    if (n == 0) return {};
    KEDGE_TRY_STATUS(sink(Bytes(piece).first(n)));
  }
}

Result<std::string> ReadBody(const Request& request, uint64_t bytes_max) {
  const uint64_t bytes = request.body_file.empty() ? request.body.size() : request.body_bytes;
  if (bytes > bytes_max)
    return ResourceExhausted("body of " + std::to_string(bytes) +
                             " bytes is longer than the limit of " + std::to_string(bytes_max));
  std::string body;
  KEDGE_TRY_STATUS(CopyBody(request, [&](Bytes piece) {
    body += AsText(piece);
    return Status();
  }));
  return body;
}

}  // namespace kedge::http
