// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/crypto.h"

#include <algorithm>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/check.h"

namespace kedge::crypto {

namespace {

// Fetched once: the implicit fetch of every call costs more than a small digest.
const EVP_MD* FetchedMd(Hasher::Kind kind) {
  static EVP_MD* const kSha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  static EVP_MD* const kSha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  static EVP_MD* const kMd5 = EVP_MD_fetch(nullptr, "MD5", nullptr);
  switch (kind) {
    case Hasher::Kind::kSha256:
      return kSha256;
    case Hasher::Kind::kSha1:
      return kSha1;
    case Hasher::Kind::kMd5:
      return kMd5;
  }
  return kSha256;
}

template <class Digest>
Digest OneShot(Hasher::Kind kind, Bytes data) {
  Digest digest;
  unsigned n = 0;
  KEDGE_CHECK(EVP_Digest(data.data(), data.size(), digest.data(), &n, FetchedMd(kind), nullptr) ==
              1);
  KEDGE_CHECK(n == digest.size());
  return digest;
}

}  // namespace

Sha256Digest Sha256(Bytes data) { return OneShot<Sha256Digest>(Hasher::Kind::kSha256, data); }
Sha1Digest Sha1(Bytes data) { return OneShot<Sha1Digest>(Hasher::Kind::kSha1, data); }
std::string Sha256Hex(Bytes data) { return HexEncode(Sha256(data)); }

// RFC 2104 over one digest context for each thread. The MAC of OpenSSL 3.0 costs several times as
// much in lookups of its parameters as in hashing, and every signature here is of a short text.
Sha256Digest HmacSha256(Bytes key, Bytes data) {
  constexpr size_t kBlockBytes = 64;
  constexpr uint8_t kInnerPad = 0x36;
  constexpr uint8_t kOuterPad = 0x5c;
  thread_local const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(
      EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  std::array<uint8_t, kBlockBytes> padded{};
  if (key.size() > kBlockBytes) {
    const Sha256Digest short_key = Sha256(key);
    std::copy(short_key.begin(), short_key.end(), padded.begin());
  } else {
    std::copy(key.begin(), key.end(), padded.begin());
  }
  Sha256Digest digest{};
  const auto hash_after_key = [&](uint8_t pad, Bytes text) {
    std::array<uint8_t, kBlockBytes> block;
    for (size_t i = 0; i < kBlockBytes; ++i) block[i] = padded[i] ^ pad;
    unsigned n = 0;
    KEDGE_CHECK(EVP_DigestInit_ex2(context.get(), FetchedMd(Hasher::Kind::kSha256), nullptr) == 1 &&
                EVP_DigestUpdate(context.get(), block.data(), block.size()) == 1 &&
                EVP_DigestUpdate(context.get(), text.data(), text.size()) == 1 &&
                EVP_DigestFinal_ex(context.get(), digest.data(), &n) == 1 && n == digest.size());
    OPENSSL_cleanse(block.data(), block.size());
  };
  hash_after_key(kInnerPad, data);
  const Sha256Digest inner = digest;
  hash_after_key(kOuterPad, inner);
  OPENSSL_cleanse(padded.data(), padded.size());
  return digest;
}

struct Hasher::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Hasher::Hasher(Kind kind) : state_(std::make_unique<State>()) {
  KEDGE_CHECK(EVP_DigestInit_ex2(state_->context, FetchedMd(kind), nullptr) == 1);
}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::Update(Bytes data) {
  KEDGE_CHECK(EVP_DigestUpdate(state_->context, data.data(), data.size()) == 1);
}

ByteBuffer Hasher::Finish() {
  ByteBuffer digest(EVP_MAX_MD_SIZE);
  unsigned n = 0;
  KEDGE_CHECK(EVP_DigestFinal_ex(state_->context, digest.data(), &n) == 1);
  digest.resize(n);
  return digest;
}

ByteBuffer RandomBytes(size_t n) {
  ByteBuffer bytes(n);
  KEDGE_CHECK(n == 0 || RAND_bytes(bytes.data(), static_cast<int>(n)) == 1);
  return bytes;
}

bool EqualConstantTime(Bytes a, Bytes b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace kedge::crypto
