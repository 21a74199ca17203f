// SPDX-License-Identifier: Apache-2.0
#include "trust/openssl.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>

#include "base/crypto/crypto.h"

namespace kedge::trust::openssl {

namespace {

constexpr size_t kP256PublicKeyDerBytes = 91;  // SubjectPublicKeyInfo, named curve, uncompressed

Result<EcdsaSignature> ParseSignature(Bytes der) {
  const uint8_t* at = der.data();
  EcdsaSignature signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  if (!signature || at != der.data() + der.size())
    return OpensslError(Code::kInvalidArgument, "reading the signature as DER");
  return signature;
}

Result<ByteBuffer> EncodeSignature(const ECDSA_SIG* signature) {
  uint8_t* der = nullptr;
  const int bytes = i2d_ECDSA_SIG(signature, &der);
  if (bytes <= 0) return OpensslError(Code::kInternal, "encoding the signature");
  ByteBuffer out(der, der + bytes);
  OPENSSL_free(der);
  return out;
}

const BIGNUM* P256Order(Group& group) {
  group.reset(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
  return group ? EC_GROUP_get0_order(group.get()) : nullptr;
}

bool IsLow(const BIGNUM* s, const BIGNUM* order) {
  const BigNumber half(BN_dup(order));
  return half && BN_rshift1(half.get(), half.get()) == 1 && BN_cmp(s, half.get()) <= 0;
}

}  // namespace

Error OpensslError(Code code, std::string_view doing) {
  char text[256] = "no cause given";
  if (const unsigned long error = ERR_peek_last_error(); error != 0)
    ERR_error_string_n(error, text, sizeof text);
  ERR_clear_error();
  return Error{code, std::string(doing) + ": " + text};
}

Result<std::vector<uint8_t>> ParsePem(std::string_view pem, std::string_view label) {
  const std::string begin = "-----BEGIN " + std::string(label) + "-----";
  if (!pem.starts_with(begin))
    return InvalidArgument("PEM text does not start with '" + begin + "'");
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  char* name = nullptr;
  char* header = nullptr;
  uint8_t* content = nullptr;
  long bytes = 0;
  if (!bio || PEM_read_bio(bio.get(), &name, &header, &content, &bytes) != 1)
    return OpensslError(Code::kInvalidArgument, "reading PEM text");
  std::vector<uint8_t> der(content, content + bytes);
  const bool plain = label == name && *header == '\0';
  OPENSSL_free(name);
  OPENSSL_free(header);
  OPENSSL_clear_free(content, static_cast<size_t>(bytes));
  if (!plain) return InvalidArgument("PEM text has headers, a plain '" + begin + "' is needed");
  char rest = 0;
  while (BIO_read(bio.get(), &rest, 1) == 1) {
    if (std::string_view(" \t\r\n").find(rest) == std::string_view::npos)
      return InvalidArgument("PEM text has more than one block");
  }
  return der;
}

Result<Certificate> ParseCertificateDer(Bytes der) {
  const uint8_t* at = der.data();
  Certificate certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (!certificate || at != der.data() + der.size())
    return OpensslError(Code::kInvalidArgument, "reading the certificate");
  return certificate;
}

Status CheckP256(EVP_PKEY* key) {
  char group[32] = "no curve";
  size_t length = 0;
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC ||
      EVP_PKEY_get_group_name(key, group, sizeof group, &length) != 1 ||
      std::string_view(group) != "prime256v1")
    return InvalidArgument("key is on " + std::string(group) + ", ECDSA P-256 is needed");
  if (i2d_PUBKEY(key, nullptr) != static_cast<int>(kP256PublicKeyDerBytes))
    return InvalidArgument("public key is not encoded as an uncompressed point on a named curve");
  return {};
}

Result<std::string> KeyId(EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_PUBKEY(bio.get(), key) != 1)
    return OpensslError(Code::kInternal, "encoding the public key");
  const char* text = nullptr;
  const long bytes = BIO_get_mem_data(bio.get(), &text);
  return crypto::Sha256Hex(AsBytes({text, static_cast<size_t>(bytes)}));
}

Result<ByteBuffer> NormalizeSignature(Bytes der) {
  KEDGE_TRY(const EcdsaSignature signature, ParseSignature(der));
  Group group;
  const BIGNUM* order = P256Order(group);
  if (order == nullptr) return OpensslError(Code::kInternal, "loading P-256");
  if (IsLow(ECDSA_SIG_get0_s(signature.get()), order)) return EncodeSignature(signature.get());
  BigNumber r(BN_dup(ECDSA_SIG_get0_r(signature.get())));
  BigNumber s(BN_new());
  if (!r || !s || BN_sub(s.get(), order, ECDSA_SIG_get0_s(signature.get())) != 1 ||
      ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1)
    return OpensslError(Code::kInternal, "normalising the signature");
  r.release();  // set0 took both
  s.release();
  return EncodeSignature(signature.get());
}

bool IsCanonicalSignature(Bytes der) {
  const auto normal = NormalizeSignature(der);
  return normal && crypto::EqualConstantTime(*normal, der);
}

bool VerifyEcdsa(EVP_PKEY* key, const EVP_MD* digest, Bytes message, Bytes signature) {
  const DigestContext context(EVP_MD_CTX_new());
  const bool good = context &&
                    EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key) == 1 &&
                    EVP_DigestVerify(context.get(), signature.data(), signature.size(),
                                     message.data(), message.size()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace kedge::trust::openssl
