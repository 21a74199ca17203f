// SPDX-License-Identifier: Apache-2.0
#include "trust/x509.h"

#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace kedge::trust::openssl {
namespace {

std::string TextOf(BIO* bio) {
  const char* text = nullptr;
  const long bytes = BIO_get_mem_data(bio, &text);
  return {text, static_cast<size_t>(bytes)};
}

Status SetSerialAndDates(X509* certificate, EpochMs not_before, EpochMs not_after) {
  const BigNumber serial(BN_new());
  if (!serial || BN_rand(serial.get(), 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) != 1 ||
      BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate)) == nullptr ||
      ASN1_TIME_set(X509_getm_notBefore(certificate), static_cast<time_t>(not_before / 1000)) ==
          nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(certificate), static_cast<time_t>(not_after / 1000)) ==
          nullptr)
    return OpensslError(Code::kInternal, "setting serial and dates of the certificate");
  return {};
}

}  // namespace

Result<Key> NewKey() {
  Key key(EVP_EC_gen("P-256"));
  if (!key) return OpensslError(Code::kInternal, "making a key");
  return key;
}

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

Result<std::string> WritePrivateKey(EVP_PKEY* key) {
  const Bio text(BIO_new(BIO_s_secmem()));
  if (!text ||
      PEM_write_bio_PKCS8PrivateKey(text.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return OpensslError(Code::kInternal, "writing the key");
  return TextOf(text.get());
}

Result<std::string> WriteCertificate(X509* certificate) {
  const Bio text(BIO_new(BIO_s_mem()));
  if (!text || PEM_write_bio_X509(text.get(), certificate) != 1)
    return OpensslError(Code::kInternal, "writing the certificate");
  return TextOf(text.get());
}

Status AddExtension(X509* certificate, X509V3_CTX* context, int nid, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, context, nid, value.c_str());
  const bool added = extension != nullptr && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  if (!added)
    return OpensslError(Code::kInvalidArgument, "adding the certificate extension '" + value + "'");
  return {};
}

Status SetCommonName(X509_NAME* name, std::string_view common_name) {
  if (X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                 reinterpret_cast<const uint8_t*>(common_name.data()),
                                 static_cast<int>(common_name.size()), -1, 0) != 1)
    return OpensslError(Code::kInvalidArgument,
                        "common name '" + std::string(common_name) + "' (1 to 64 characters)");
  return {};
}

Result<Certificate> MakeCertificate(const CertificateTemplate& wanted, EVP_PKEY* issuer_key,
                                    X509* issuer) {
  Certificate certificate(X509_new());
  if (!certificate || X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      X509_set_pubkey(certificate.get(), wanted.public_key) != 1)
    return OpensslError(Code::kInternal, "making a certificate");
  KEDGE_TRY_STATUS(SetSerialAndDates(certificate.get(), wanted.not_before, wanted.not_after));
  KEDGE_TRY_STATUS(SetCommonName(X509_get_subject_name(certificate.get()), wanted.common_name));
  X509* const signer = issuer != nullptr ? issuer : certificate.get();
  if (X509_set_issuer_name(certificate.get(), X509_get_subject_name(signer)) != 1)
    return OpensslError(Code::kInternal, "naming the issuer");
  X509V3_CTX context;
  X509V3_set_ctx(&context, signer, certificate.get(), nullptr, nullptr, 0);
  for (const auto& [nid, value] : wanted.extensions)
    KEDGE_TRY_STATUS(AddExtension(certificate.get(), &context, nid, value));
  if (X509_sign(certificate.get(), issuer_key, EVP_sha256()) == 0)
    return OpensslError(Code::kInternal, "signing the certificate");
  return certificate;
}

}  // namespace kedge::trust::openssl
