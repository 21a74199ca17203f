// Where the server puts a body while it arrives: in memory up to a limit, else in a file; its
// SHA-256 is computed on the way.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/crypto/crypto.h"
#include "http/body_budget.h"
#include "http/framing.h"
#include "http/server.h"

namespace kedge::http {

// Borrows all; fills body, body_directory, body_file, body_bytes and body_sha256 of the request.
class BodyReceiver {
 public:
  BodyReceiver(const ServerOptions& options, uint64_t bytes_max, Request& request, BodyShare& share)
      : options_(options), bytes_max_(bytes_max), request_(request), share_(share) {}

  // 413 if the body is too long, 503 if it cannot be stored or too many are in memory.
  std::optional<Refusal> Append(Bytes piece);
  void Finish() { request_.body_sha256 = HexEncode(hasher_.Finish()); }

 private:
  std::optional<Refusal> OpenSpool();

  const ServerOptions& options_;
  const uint64_t bytes_max_;
  Request& request_;
  BodyShare& share_;
  crypto::Hasher hasher_;
  FileDescriptor file_;
};

}  // namespace kedge::http
