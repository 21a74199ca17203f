// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/aead.h"

#include <limits>
#include <openssl/evp.h>

#include "base/check.h"

namespace kedge::crypto {
namespace {

constexpr size_t kSaltBytes = 12;
constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;
constexpr size_t kBytesMax = size_t{1} << 30;  // of one message: lengths are ints in OpenSSL
static_assert(kAeadOverheadBytes == kSaltBytes + kNonceBytes + kTagBytes);

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const EVP_CIPHER* FetchedCipher() {
  static EVP_CIPHER* const kCipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return kCipher;
}

Sha256Digest MessageKey(const AeadKey& key, Bytes salt) {
  ByteBuffer label = ToBuffer(AsBytes("kedge aead 1"));
  label.insert(label.end(), salt.begin(), salt.end());
  return HmacSha256(key, label);
}

int Length(Bytes bytes) {
  KEDGE_CHECK(bytes.size() <= kBytesMax);
  return static_cast<int>(bytes.size());
}

// A context that has the key of the message whose salt and nonce begin `sealed`, and has seen the
// associated data.
Cipher Begin(const AeadKey& key, Bytes sealed, Bytes associated, bool seal) {
  Cipher cipher(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  const Sha256Digest message_key = MessageKey(key, sealed.first(kSaltBytes));
  const uint8_t* nonce = sealed.data() + kSaltBytes;
  int n = 0;
  KEDGE_CHECK(cipher && EVP_CipherInit_ex2(cipher.get(), FetchedCipher(), message_key.data(), nonce,
                                           seal ? 1 : 0, nullptr) == 1);
  KEDGE_CHECK(EVP_CipherUpdate(cipher.get(), nullptr, &n, associated.data(), Length(associated)) ==
              1);
  return cipher;
}

}  // namespace

ByteBuffer AeadSeal(const AeadKey& key, Bytes plaintext, Bytes associated) {
  ByteBuffer sealed = RandomBytes(kSaltBytes + kNonceBytes);
  const Cipher cipher = Begin(key, sealed, associated, /*seal=*/true);
  const size_t begin = sealed.size();
  sealed.resize(begin + plaintext.size() + kTagBytes);
  uint8_t* tag = sealed.data() + begin + plaintext.size();
  int n = 0;
  KEDGE_CHECK(EVP_CipherUpdate(cipher.get(), sealed.data() + begin, &n, plaintext.data(),
                               Length(plaintext)) == 1);
  KEDGE_CHECK(EVP_CipherFinal_ex(cipher.get(), tag, &n) == 1);
  KEDGE_CHECK(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes, tag) == 1);
  return sealed;
}

Result<ByteBuffer> AeadOpen(const AeadKey& key, Bytes sealed, Bytes associated) {
  if (sealed.size() < kAeadOverheadBytes || sealed.size() > kBytesMax) {
    return DataLoss("a sealed message has " + std::to_string(sealed.size()) + " bytes");
  }
  const Cipher cipher = Begin(key, sealed, associated, /*seal=*/false);
  const Bytes ciphertext =
      sealed.subspan(kSaltBytes + kNonceBytes).first(sealed.size() - kAeadOverheadBytes);
  ByteBuffer tag = ToBuffer(sealed.last(kTagBytes));
  ByteBuffer plaintext(ciphertext.size());
  uint8_t none = 0;
  int n = 0;
  KEDGE_CHECK(EVP_CipherUpdate(cipher.get(), plaintext.empty() ? &none : plaintext.data(), &n,
                               ciphertext.data(), Length(ciphertext)) == 1);
  KEDGE_CHECK(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) == 1);
  if (EVP_CipherFinal_ex(cipher.get(), &none, &n) != 1) {
    return DataLoss("a sealed message is damaged, or of another key or purpose");
  }
  return plaintext;
}

}  // namespace kedge::crypto
