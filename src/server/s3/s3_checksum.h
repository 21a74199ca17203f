// The checksums that S3 clients send along and read back: base64 of the big-endian digest, in
// headers x-amz-checksum-<algorithm>, over the whole content. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/bytes.h"
#include "http/http.h"

namespace kedge::server {

enum class ChecksumKind { kMd5, kSha256, kSha1, kCrc32, kCrc32c, kCrc64Nvme };

struct ChecksumName {
  ChecksumKind kind;
  std::string_view header;
};
// "Content-MD5" first, which is compared but not kept.
std::span<const ChecksumName> ChecksumNames();

// A checksum over a stream. One thread.
class Checksum {
 public:
  virtual ~Checksum() = default;
  virtual void Update(Bytes data) = 0;
  virtual ByteBuffer Finish() = 0;  // big-endian; once
  static std::unique_ptr<Checksum> Make(ChecksumKind kind);
};

// The checksums of one content that a client has sent, or has announced for the trailer.
class ClientChecksums {
 public:
  explicit ClientChecksums(const http::Headers& headers);
  void Update(Bytes data);
  struct Named {
    std::string_view header;
    std::string value;  // base64
  };
  // After all content: those but Content-MD5. BadDigest if one does not match; `trailers` has the
  // announced ones.
  Result<std::vector<Named>> Check(const http::Headers& trailers);

 private:
  struct One {
    ChecksumName name;
    std::string expected;  // base64; empty: it comes in the trailer
    std::unique_ptr<Checksum> actual;
  };
  std::vector<One> all_;
};

}  // namespace kedge::server
