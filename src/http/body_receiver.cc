// SPDX-License-Identifier: Apache-2.0
#include "http/body_receiver.h"

#include <fcntl.h>

#include "base/log.h"

namespace kedge::http {

namespace {

Refusal TooLong(uint64_t bytes_max) {
  return {413, "the body is longer than " + std::to_string(bytes_max) + " bytes"};
}

Refusal NotStored(const Error& error) {
  LogError("spooling a request body failed", {{"error", error.message}});
  return {503, "the body cannot be stored"};
}

}  // namespace

std::optional<Refusal> BodyReceiver::Append(Bytes piece) {
  hasher_.Update(piece);
  request_.body_bytes += piece.size();
  if (request_.body_bytes > bytes_max_) return TooLong(bytes_max_);
  if (!file_.valid() && request_.body_bytes <= options_.body_in_memory_max) {
    if (!share_.Grow(piece.size())) return Refusal{503, "too many bodies are being received"};
    request_.body += AsText(piece);
    return std::nullopt;
  }
  if (!file_.valid()) {
    if (std::optional<Refusal> refusal = OpenSpool()) return refusal;
  }
  if (const Status status = WriteAll(file_.get(), piece); !status) return NotStored(status.error());
  return std::nullopt;
}

// Moves what is in memory to a file, which takes the rest too.
std::optional<Refusal> BodyReceiver::OpenSpool() {
  if (options_.spool_directory.empty()) return TooLong(options_.body_in_memory_max);
  Result<TemporaryDirectory> directory = TemporaryDirectory::Make(options_.spool_directory);
  if (!directory) return NotStored(directory.error());
  request_.body_directory = std::make_shared<TemporaryDirectory>(std::move(*directory));
  request_.body_file = request_.body_directory->path() / "body";
  Result<FileDescriptor> file = OpenFile(request_.body_file, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (!file) return NotStored(file.error());
  file_ = std::move(file).value();
  if (const Status status = WriteAll(file_.get(), AsBytes(request_.body)); !status)
    return NotStored(status.error());
  request_.body.clear();
  request_.body.shrink_to_fit();
  share_.Release();
  return std::nullopt;
}

}  // namespace kedge::http
