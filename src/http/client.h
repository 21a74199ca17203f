// The HTTP client (libcurl). Synchronous; connections are kept open and used again.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>

#include "http/http.h"
#include "http/tls.h"

namespace kedge::http {

struct ClientRequest {
  std::string method = "GET";
  std::string url;  // "http://host:port/path?query", sent as it stands
  Headers headers;
  std::string body;
  int body_fd = -1;  // if set: body_bytes of this file from body_offset instead
  uint64_t body_offset = 0;
  uint64_t body_bytes = 0;
  std::chrono::milliseconds timeout{30'000};  // of the whole exchange
  std::chrono::milliseconds connect_timeout{5'000};
  uint64_t response_bytes_max = 64u << 20;  // above: kResourceExhausted
  // If set, the body of a 2xx answer goes here piece by piece instead of into Response::body; an
  // error ends the exchange.
  std::function<Status(Bytes)> sink;
  const std::atomic<bool>* cancelled = nullptr;
};

// Thread-safe: calls of several threads run at the same time, each on a connection of its own.
// Redirects are answers like others, never followed. A virtual seam, because tests put a network
// that fails in its place.
class Transport {
 public:
  virtual ~Transport() = default;
  // Any HTTP status is a success here. Errors: kUnavailable (no connection, connection lost),
  // kDeadlineExceeded, kResourceExhausted, kCancelled, kInvalidArgument (URL). A certificate that
  // one of both ends refuses is kUnavailable as well: who is on the path may change.
  virtual Result<Response> Send(const ClientRequest& request) = 0;
};

// `tls` counts for https URLs. The files are read when a connection is made: one whose certificate
// was renewed is taken by a new transport.
std::unique_ptr<Transport> MakeCurlTransport(ClientTls tls = {});

}  // namespace kedge::http
