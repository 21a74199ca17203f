// Signed requests to an S3 server, sent again while that can help.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "base/clock.h"
#include "blob/s3/s3_location.h"
#include "http/client.h"

namespace kedge::blob {

struct S3Request {
  std::string method = "GET";
  std::string key;    // in the bucket; empty: the bucket itself
  std::string query;  // "" or "uploadId=...&partNumber=1", percent-encoded
  http::Headers headers;
  // The body: text, or a part of a file with its SHA-256.
  std::string body;
  int body_fd = -1;
  uint64_t body_offset = 0;
  uint64_t body_bytes = 0;
  std::string body_sha256;
  uint64_t response_bytes_max = 16u << 20;
  std::function<Status(Bytes)> sink;  // as of http::ClientRequest
};

struct S3ClientOptions {
  int tries = 4;
  std::chrono::milliseconds pause{200};  // before the second try, doubled for each further one
  std::chrono::milliseconds pause_max{5'000};
  std::chrono::milliseconds timeout{60'000};   // of an exchange, and besides a second for each
  uint64_t bytes_per_second_min = 256u << 10;  // so many bytes of it
};

// Thread-safe.
class S3Client {
 public:
  // Borrows the transport and the clock.
  S3Client(S3Location location, http::Transport& transport, const Clock& clock,
           S3ClientOptions options)
      : location_(std::move(location)), transport_(transport), clock_(clock), options_(options) {}

  // An answer of 2xx. Sent again after a lost connection, 429, 500, 502, 503, 504 and S3's
  // RequestTimeout. Errors: kNotFound (404), kFailedPrecondition (409, 412, a redirect, which is
  // never followed), kOutOfRange (416), kPermissionDenied (401, 403), kUnimplemented (501),
  // kResourceExhausted (507, a quota), kDataLoss (BadDigest), kInvalidArgument (other 4xx),
  // kUnavailable and kDeadlineExceeded after the last try.
  Result<http::Response> Send(const S3Request& request) const;
  // Tries once, for a caller that knows better how to go on.
  Result<http::Response> SendOnce(const S3Request& request) const;
  // Waits before try number `tries_done` + 1; false if there is none left, or the error stays.
  bool PauseBeforeRetry(int tries_done, const Error& error) const;

  Result<std::string> Presign(const std::string& key, int64_t seconds) const;
  const S3Location& location() const { return location_; }

 private:
  const S3Location location_;
  http::Transport& transport_;
  const Clock& clock_;
  const S3ClientOptions options_;
};

}  // namespace kedge::blob
