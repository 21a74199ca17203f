// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
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

// The MAC is fetched once and its context duplicated: the one-shot HMAC() of OpenSSL 3.0 costs
// about 15 us in lookups.
Sha256Digest HmacSha256(Bytes key, Bytes data) {
  static EVP_MAC_CTX* const kTemplate = [] {
    EVP_MAC* mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    EVP_MAC_CTX* context = EVP_MAC_CTX_new(mac);
    char digest_name[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest_name, 0),
        OSSL_PARAM_construct_end()};
    KEDGE_CHECK(context != nullptr && EVP_MAC_CTX_set_params(context, parameters) == 1);
    EVP_MAC_free(mac);
    return context;
  }();
  const std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)> context(
      EVP_MAC_CTX_dup(kTemplate), &EVP_MAC_CTX_free);
  Sha256Digest digest;
  size_t n = 0;
  static constexpr uint8_t kEmpty = 0;  // a null key means "the former key" to OpenSSL
  const uint8_t* key_bytes = key.empty() ? &kEmpty : key.data();
  KEDGE_CHECK(EVP_MAC_init(context.get(), key_bytes, key.size(), nullptr) == 1);
  KEDGE_CHECK(EVP_MAC_update(context.get(), data.data(), data.size()) == 1);
  KEDGE_CHECK(EVP_MAC_final(context.get(), digest.data(), &n, digest.size()) == 1 &&
              n == digest.size());
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
