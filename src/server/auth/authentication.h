// Who sent a request: the one who signed it (SigV4), or the one whose console session its cookie
// is. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "base/clock.h"
#include "http/http.h"
#include "http/sigv4.h"
#include "server/auth/identity.h"
#include "server/auth/known_certificates.h"
#include "server/auth/known_keys.h"
#include "server/auth/password.h"
#include "server/auth/rate_limit.h"
#include "server/auth/session_token.h"
#include "server/auth/sessions.h"
#include "store/store.h"

namespace kedge::server {

struct AuthenticatorOptions {
  double calls_per_second = 0;  // of one caller, twice as many at once; 0: no limit
};

// Access keys of the store, the temporary ones of devices, and sessions. Thread-safe.
class Authenticator {
 public:
  // Borrows all.
  Authenticator(store::Store& store, const Keyring& keyring, const Clock& clock,
                AuthenticatorOptions options = {})
      : clock_(clock),
        keys_(store, keyring, clock),
        certificates_(store, clock),
        temporary_keys_(keyring),
        sessions_(store, clock, passwords_),
        calls_({.per_second = options.calls_per_second, .burst = 2 * options.calls_per_second},
               clock),
        failures_({.per_second = kFailuresPerSecond, .burst = kFailuresBurst}, clock) {}

  // Verifies a request's signature, or its session cookie and CSRF token if it has no signature.
  // kUnauthenticated with AWS's code before the first ": "; kUnavailable if the store cannot be
  // read; kResourceExhausted for a key that is not known yet, from an address that failed too
  // often.
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
  void Forget() const { keys_.LookAgain(); }

  // Whether the caller has not used up what one may call (takes one call from it).
  bool MayCall(const Identity& identity) const { return calls_.Take(identity.Principal()); }

  http::SigningKeyCache& cache() const { return cache_; }
  Passwords& passwords() const { return passwords_; }
  Sessions& sessions() const { return sessions_; }

 private:
  static constexpr double kFailuresPerSecond = 20;  // of one address
  static constexpr double kFailuresBurst = 100;

  Result<Identity> AuthenticateSigned(const http::Request& request,
                                      std::span<const std::string_view> services) const;

  const Clock& clock_;
  mutable KnownKeys keys_;
  mutable KnownCertificates certificates_;
  const TemporaryKeys temporary_keys_;
  mutable Passwords passwords_;
  mutable Sessions sessions_;
  mutable RateLimit calls_;
  mutable RateLimit failures_;
  mutable http::SigningKeyCache cache_;
};

}  // namespace kedge::server
