// SPDX-License-Identifier: Apache-2.0
#include <openssl/x509v3.h>

#include "trust/openssl.h"
#include "trust/signing.h"
#include "trust/x509.h"

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
  KEDGE_TRY(const Key key, NewKey());
  const CertificateTemplate wanted{.common_name = std::string(common_name),
                                   .public_key = key.get(),
                                   .not_before = now,
                                   .not_after = now + int64_t{days} * 86'400'000,
                                   .extensions = {{NID_basic_constraints, "critical,CA:FALSE"},
                                                  {NID_key_usage, "critical,digitalSignature"},
                                                  {NID_ext_key_usage, "codeSigning"},
                                                  {NID_subject_key_identifier, "hash"}}};
  KEDGE_TRY(const Certificate certificate, MakeCertificate(wanted, key.get(), nullptr));
  KeyPair pair;
  KEDGE_TRY(pair.key_pem, WritePrivateKey(key.get()));
  KEDGE_TRY(pair.certificate_pem, WriteCertificate(certificate.get()));
  return pair;
}

}  // namespace kedge::trust
