// Where the server puts a body while it arrives: in memory up to a limit, else in a file; its
// SHA-256 is computed on the way.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/crypto/crypto.h"
#include "http/framing.h"
#include "http/server.h"

namespace kedge::http {

// Borrows both; fills body, body_directory, body_file, body_bytes and body_sha256 of the request.
class BodyReceiver {
 public:
  BodyReceiver(const ServerOptions& options, Request& request)
      : options_(options), request_(request) {}

  // 413 if the body is too long, 503 if it cannot be stored.
  std::optional<Refusal> Append(Bytes piece);
  void Finish() { request_.body_sha256 = HexEncode(hasher_.Finish()); }

 private:
  std::optional<Refusal> OpenSpool();

  const ServerOptions& options_;
  Request& request_;
  crypto::Hasher hasher_;
  FileDescriptor file_;
};

}  // namespace kedge::http
