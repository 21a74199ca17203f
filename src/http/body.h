// Reading a request's body from front to back, wherever the server has put it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "http/http.h"

namespace kedge::http {

// Borrows the request. One thread.
class BodyReader {
 public:
  static Result<BodyReader> Open(const Request& request);
  // Fills `room` as far as there are bytes; 0 at the end. kDataLoss if the spooled file is shorter
  // than the body was.
  Result<size_t> Read(std::span<uint8_t> room);

 private:
  BodyReader(const Request& request, FileDescriptor file)
      : request_(&request), file_(std::move(file)) {}
  const Request* request_;
  FileDescriptor file_;  // invalid: the body is in memory
  uint64_t at_ = 0;
};

using BodySink = std::function<Status(Bytes)>;

// Gives the whole body to the sink, piece by piece.
Status CopyBody(const Request& request, const BodySink& sink);
// kResourceExhausted if it is longer.
Result<std::string> ReadBody(const Request& request, uint64_t bytes_max);

}  // namespace kedge::http
