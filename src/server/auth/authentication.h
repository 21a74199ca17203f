// Who signed a request.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "base/clock.h"
#include "http/http.h"
#include "http/sigv4.h"
#include "server/auth/identity.h"
#include "server/auth/known_keys.h"
#include "store/store.h"

namespace kedge::server {

// Access keys of the store. Thread-safe.
class Authenticator {
 public:
  // Borrows all.
  Authenticator(store::Store& store, const Keyring& keyring, const Clock& clock)
      : clock_(clock), keys_(store, keyring, clock) {}

  // Verifies a request's signature. kUnauthenticated with AWS's code before the first ": ";
  // kUnavailable if the store cannot be read.
  Result<Identity> Authenticate(const http::Request& request,
                                std::span<const std::string_view> services) const;

  // The key as it counts now; null if it does not.
  Result<std::shared_ptr<const KnownKey>> Find(const std::string& access_key_id) const {
    return keys_.Find(access_key_id);
  }

  // After any change of keys, users or devices through this node.
  void Forget() const { keys_.ForgetAll(); }

  http::SigningKeyCache& cache() const { return cache_; }

 private:
  const Clock& clock_;
  mutable KnownKeys keys_;
  mutable http::SigningKeyCache cache_;
};

}  // namespace kedge::server
