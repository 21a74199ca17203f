// Who signed a request.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "base/clock.h"
#include "http/http.h"
#include "http/sigv4.h"
#include "server/auth/identity.h"
#include "server/auth/known_certificates.h"
#include "server/auth/known_keys.h"
#include "server/auth/session_token.h"
#include "store/store.h"

namespace kedge::server {

// Access keys of the store, and the temporary ones of devices. Thread-safe.
class Authenticator {
 public:
  // Borrows all.
  Authenticator(store::Store& store, const Keyring& keyring, const Clock& clock)
      : clock_(clock),
        keys_(store, keyring, clock),
        certificates_(store, clock),
        temporary_keys_(keyring) {}

  // Verifies a request's signature. kUnauthenticated with AWS's code before the first ": ";
  // kUnavailable if the store cannot be read.
  Result<Identity> Authenticate(const http::Request& request,
                                std::span<const std::string_view> services) const;

  // The key as it counts now; null if it does not.
  Result<std::shared_ptr<const KnownKey>> Find(const std::string& access_key_id) const;
  // For http::VerifyOptions: only temporary keys have session tokens.
  bool TokenIsValid(const std::string& access_key_id, const std::string& token) const {
    return temporary_keys_.TokenIsValid(access_key_id, token);
  }

  KnownCertificates& certificates() const { return certificates_; }
  const TemporaryKeys& temporary_keys() const { return temporary_keys_; }

  // After any change of keys, users or devices through this node.
  void Forget() const { keys_.ForgetAll(); }

  http::SigningKeyCache& cache() const { return cache_; }

 private:
  const Clock& clock_;
  mutable KnownKeys keys_;
  mutable KnownCertificates certificates_;
  const TemporaryKeys temporary_keys_;
  mutable http::SigningKeyCache cache_;
};

}  // namespace kedge::server
