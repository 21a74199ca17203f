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
};

// Reads PEM texts. kInvalidArgument if the key is not P-256 or does not belong to the certificate.
Result<std::unique_ptr<Signer>> LoadSigner(std::string_view key_pem,
                                           std::string_view certificate_pem);

struct KeyPair {
  std::string key_pem;          // PKCS#8
  std::string certificate_pem;  // self-signed, CA:FALSE, digitalSignature
};
// A new key and its certificate, valid from `now` for `days`.
Result<KeyPair> GenerateKeyPair(std::string_view common_name, EpochMs now, int days = 3650);

// A certificate that is trusted to sign packages. Verification names it by key id: SHA-256 of the
// DER SubjectPublicKeyInfo, hexadecimal.
class TrustedRoots {
 public:
  TrustedRoots();
  ~TrustedRoots();
  TrustedRoots(TrustedRoots&&) noexcept;
  TrustedRoots& operator=(TrustedRoots&&) noexcept;
  // Every *.pem of a folder, or one file. With `require_read_only`, a file that anybody may write
  // is kPermissionDenied.
  static Result<TrustedRoots> Load(const std::string& path, bool require_read_only);
  Status Add(std::string_view certificate_pem);
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
