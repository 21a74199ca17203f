// Digests, message authentication and randomness, over OpenSSL. Signatures live in trust/.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>

#include "base/bytes.h"

namespace kedge::crypto {

using Sha256Digest = std::array<uint8_t, 32>;
using Sha1Digest = std::array<uint8_t, 20>;

Sha256Digest Sha256(Bytes data);
Sha1Digest Sha1(Bytes data);  // only where an old interface asks for it
Sha256Digest HmacSha256(Bytes key, Bytes data);
std::string Sha256Hex(Bytes data);

// A digest over a stream. Not thread-safe; Finish() once.
class Hasher {
 public:
  enum class Kind { kSha256, kSha1, kMd5 };  // MD5: S3's ETag only, never for trust
  explicit Hasher(Kind kind = Kind::kSha256);
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  void Update(Bytes data);
  ByteBuffer Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// From the kernel's generator. Aborts if there is none: nothing sensible can be done without.
ByteBuffer RandomBytes(size_t n);

// Time depends on the sizes only.
bool EqualConstantTime(Bytes a, Bytes b);

}  // namespace kedge::crypto
