// SPDX-License-Identifier: Apache-2.0
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "trust/openssl.h"
#include "trust/signing.h"

namespace kedge::trust {

namespace {

using namespace openssl;  // NOLINT(google-build-using-namespace): inside trust/ only

class KeySigner final : public Signer {
 public:
  KeySigner(Key key, ByteBuffer certificate_der, std::string key_id)
      : key_(std::move(key)),
        certificate_der_(std::move(certificate_der)),
        key_id_(std::move(key_id)) {}

  Result<ByteBuffer> Sign(Bytes message) const override {
    const DigestContext context(EVP_MD_CTX_new());
    ByteBuffer signature(static_cast<size_t>(EVP_PKEY_get_size(key_.get())));
    size_t bytes = signature.size();
    if (!context ||
        EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) != 1 ||
        EVP_DigestSign(context.get(), signature.data(), &bytes, message.data(), message.size()) !=
            1)
      return OpensslError(Code::kInternal, "signing");
    signature.resize(bytes);
    return NormalizeSignature(signature);
  }
  const ByteBuffer& certificate_der() const override { return certificate_der_; }
  const std::string& key_id() const override { return key_id_; }

 private:
  Key key_;
  ByteBuffer certificate_der_;
  std::string key_id_;
};

Result<Key> ParsePrivateKey(std::string_view pem) {
  auto der = ParsePem(pem, "PRIVATE KEY");
  if (!der)
    return Wrap(std::move(der).error(), "reading the private key (unencrypted PKCS#8 is needed)");
  const uint8_t* at = der->data();
  Key key(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(der->size())));
  const bool whole = at == der->data() + der->size();
  OPENSSL_cleanse(der->data(), der->size());
  if (!key || !whole) return OpensslError(Code::kInvalidArgument, "reading the private key");
  KEDGE_TRY_STATUS(CheckP256(key.get()));
  return key;
}

Status AddExtension(X509* certificate, X509V3_CTX* context, int nid, const char* value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, context, nid, value);
  const bool added = extension != nullptr && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  if (!added) return OpensslError(Code::kInternal, "adding a certificate extension");
  return {};
}

Status SetSerialAndDates(X509* certificate, EpochMs now, int days) {
  const BigNumber serial(BN_new());
  const time_t start = static_cast<time_t>(now / 1000);
  if (!serial || BN_rand(serial.get(), 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) != 1 ||
      BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate)) == nullptr ||
      ASN1_TIME_set(X509_getm_notBefore(certificate), start) == nullptr ||
      ASN1_TIME_adj(X509_getm_notAfter(certificate), start, days, 0) == nullptr)
    return OpensslError(Code::kInternal, "setting serial and dates of the certificate");
  return {};
}

// Version 3, subject = issuer = CN, CA:FALSE, for digital signatures of code.
Result<Certificate> SelfSign(EVP_PKEY* key, std::string_view common_name, EpochMs now, int days) {
  Certificate certificate(X509_new());
  if (!certificate || X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      X509_set_pubkey(certificate.get(), key) != 1)
    return OpensslError(Code::kInternal, "making a certificate");
  KEDGE_TRY_STATUS(SetSerialAndDates(certificate.get(), now, days));
  X509_NAME* name = X509_get_subject_name(certificate.get());
  if (X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                 reinterpret_cast<const uint8_t*>(common_name.data()),
                                 static_cast<int>(common_name.size()), -1, 0) != 1 ||
      X509_set_issuer_name(certificate.get(), name) != 1)
    return OpensslError(Code::kInvalidArgument,
                        "common name '" + std::string(common_name) + "' (1 to 64 characters)");
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate.get(), certificate.get(), nullptr, nullptr, 0);
  struct {
    int nid;
    const char* value;
  } const extensions[] = {{NID_basic_constraints, "critical,CA:FALSE"},
                          {NID_key_usage, "critical,digitalSignature"},
                          {NID_ext_key_usage, "codeSigning"},
                          {NID_subject_key_identifier, "hash"}};
  for (const auto& extension : extensions)
    KEDGE_TRY_STATUS(AddExtension(certificate.get(), &context, extension.nid, extension.value));
  if (X509_sign(certificate.get(), key, EVP_sha256()) == 0)
    return OpensslError(Code::kInternal, "signing the certificate");
  return certificate;
}

std::string TextOf(BIO* bio) {
  const char* text = nullptr;
  const long bytes = BIO_get_mem_data(bio, &text);
  return {text, static_cast<size_t>(bytes)};
}

}  // namespace

Result<std::unique_ptr<Signer>> LoadSigner(std::string_view key_pem,
                                           std::string_view certificate_pem) {
  KEDGE_TRY(Key key, ParsePrivateKey(key_pem));
  KEDGE_TRY(ByteBuffer der, ParsePem(certificate_pem, "CERTIFICATE"));
  KEDGE_TRY(const Certificate certificate, ParseCertificateDer(der));
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return OpensslError(Code::kInvalidArgument,
                        "private key does not belong to the certificate's public key");
  }
  KEDGE_TRY(std::string key_id, KeyId(key.get()));
  return std::unique_ptr<Signer>(
      std::make_unique<KeySigner>(std::move(key), std::move(der), std::move(key_id)));
}

Result<KeyPair> GenerateKeyPair(std::string_view common_name, EpochMs now, int days) {
  const Key key(EVP_EC_gen("P-256"));
  if (!key) return OpensslError(Code::kInternal, "making a key");
  KEDGE_TRY(const Certificate certificate, SelfSign(key.get(), common_name, now, days));
  const Bio key_text(BIO_new(BIO_s_secmem()));
  const Bio certificate_text(BIO_new(BIO_s_mem()));
  if (!key_text || !certificate_text ||
      PEM_write_bio_PKCS8PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                    nullptr) != 1 ||
      PEM_write_bio_X509(certificate_text.get(), certificate.get()) != 1)
    return OpensslError(Code::kInternal, "writing the key");
  return KeyPair{TextOf(key_text.get()), TextOf(certificate_text.get())};
}

}  // namespace kedge::trust
