// Making certificates with OpenSSL: what signer.cc and authority.cc share. Inside trust/ only.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <utility>

#include "base/clock.h"
#include "trust/openssl.h"

namespace kedge::trust::openssl {

using Request = std::unique_ptr<X509_REQ, Deleter<X509_REQ_free>>;

// A new P-256 key.
Result<Key> NewKey();
// An unencrypted PKCS#8 PEM text of one block. kInvalidArgument unless the key is P-256.
Result<Key> ParsePrivateKey(std::string_view pem);
// PKCS#8.
Result<std::string> WritePrivateKey(EVP_PKEY* key);
Result<std::string> WriteCertificate(X509* certificate);

struct CertificateTemplate {
  std::string common_name;  // 1 to 64 characters of UTF-8
  EVP_PKEY* public_key = nullptr;
  EpochMs not_before = 0;
  EpochMs not_after = 0;
  // OpenSSL's names and texts of extensions: {NID_key_usage, "critical,digitalSignature"}.
  std::vector<std::pair<int, std::string>> extensions;
};
// Version 3 with a random serial of 127 bits, signed with ECDSA and SHA-256. `issuer` null: by
// itself.
Result<Certificate> MakeCertificate(const CertificateTemplate& wanted, EVP_PKEY* issuer_key,
                                    X509* issuer);
// kInvalidArgument if a text is not what the extension needs.
Status AddExtension(X509* certificate, X509V3_CTX* context, int nid, const std::string& value);
Status SetCommonName(X509_NAME* name, std::string_view common_name);

}  // namespace kedge::trust::openssl
