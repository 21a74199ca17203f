// OpenSSL objects that free themselves, and the few operations on them that this folder shares.
// Inside trust/ only.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/crypto/openssl_owners.h"
#include "base/result.h"

namespace kedge::trust::openssl {

using kedge::openssl::Bio;
using kedge::openssl::Certificate;
using kedge::openssl::Deleter;
using kedge::openssl::Key;
using BigNumber = std::unique_ptr<BIGNUM, Deleter<BN_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, Deleter<ECDSA_SIG_free>>;
using Group = std::unique_ptr<EC_GROUP, Deleter<EC_GROUP_free>>;

// `doing`: "reading the certificate". The text of OpenSSL's own error is added, and its queue
// emptied.
Error OpensslError(Code code, std::string_view doing);

// The one PEM block of a text: nothing before it, nothing but white space after it, no headers.
// `label` is what stands after BEGIN. The bytes are wiped when freed.
Result<std::vector<uint8_t>> ParsePem(std::string_view pem, std::string_view label);

// Strict DER: nothing may follow.
Result<Certificate> ParseCertificateDer(Bytes der);

// kInvalidArgument unless the key is on P-256 and encodes with an uncompressed point.
Status CheckP256(EVP_PKEY* key);

// SHA-256 of the PEM text of the public key, hexadecimal.
Result<std::string> KeyId(EVP_PKEY* key);

// The same signature with s <= n/2. kInvalidArgument if it is not strict DER.
Result<ByteBuffer> NormalizeSignature(Bytes signature);
// Whether the bytes are strict DER with s <= n/2 on P-256.
bool IsCanonicalSignature(Bytes signature);

// Whether `key` made the DER signature over digest(message).
bool VerifyEcdsa(EVP_PKEY* key, const EVP_MD* digest, Bytes message, Bytes signature);

}  // namespace kedge::trust::openssl
