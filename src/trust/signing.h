// Signing keys and what they sign: ECDSA P-256 with SHA-256 everywhere.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"

namespace kedge::trust {

// A private key that signs. Thread-safe.
class Signer {
 public:
  virtual ~Signer() = default;
  // DER-encoded ECDSA-Sig-Value over SHA-256(message), low-S.
  virtual Result<ByteBuffer> Sign(Bytes message) const = 0;
  // DER of the self-signed or issued certificate that goes with the key.
  virtual const ByteBuffer& certificate_der() const = 0;
  // Key id of the key, as below.
  virtual const std::string& key_id() const = 0;
};

// Reads PEM texts of one block each; the key as unencrypted PKCS#8. kInvalidArgument if the key is
// not P-256 or does not belong to the certificate.
Result<std::unique_ptr<Signer>> LoadSigner(std::string_view key_pem,
                                           std::string_view certificate_pem);

struct KeyPair {
  std::string key_pem;          // PKCS#8
  std::string certificate_pem;  // self-signed, CA:FALSE, digitalSignature, codeSigning
};
// A new key and its certificate, valid from `now` for `days`. kInvalidArgument for a common name
// that is not 1 to 64 characters of UTF-8.
Result<KeyPair> GenerateKeyPair(std::string_view common_name, EpochMs now, int days = 3650);

// The certificates that are trusted to sign packages. Verification names them by key id: SHA-256 of
// the PEM text of the SubjectPublicKeyInfo, hexadecimal, as OpenSSF Model Signing's reference
// implementation writes it. Only their keys count: dates are not checked, because a device's clock
// may be wrong by years, and names and issuers say nothing about a trusted key.
// Thread-safe for const access and Replace().
class TrustedRoots {
 public:
  TrustedRoots();
  ~TrustedRoots();
  TrustedRoots(TrustedRoots&&) noexcept;
  TrustedRoots& operator=(TrustedRoots&&) noexcept;
  // Every *.pem of a folder, or one file; each holds one certificate with a P-256 key. With
  // `require_read_only`, a file that anybody may write (any write bit, its owner's too) or a folder
  // that others than its owner may write is kPermissionDenied. kNotFound for a folder without
  // *.pem, kInvalidArgument for another content, kResourceExhausted above 64 roots.
  static Result<TrustedRoots> Load(const std::string& path, bool require_read_only);
  Status Add(std::string_view certificate_pem);
  // These roots instead, for verifications that begin from now on.
  void Replace(TrustedRoots others);
  size_t size() const;
  // kPermissionDenied unless a root with this key id made the signature (strict DER, low-S) over
  // the message.
  Status Verify(std::string_view key_id, Bytes message, Bytes signature) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Key id of a certificate (DER).
Result<std::string> KeyIdOfCertificate(Bytes certificate_der);

}  // namespace kedge::trust
