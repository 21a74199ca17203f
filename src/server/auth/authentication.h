// Who signed a request.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "base/clock.h"
#include "blob/blob_store.h"
#include "http/http.h"
#include "http/sigv4.h"
#include "server/auth/identity.h"
#include "store/store.h"
#include "store/tables/devices.h"

namespace kedge::server {

// Access keys of the store. Thread-safe.
class Authenticator {
 public:
  // Borrows both.
  Authenticator(store::Store& store, const Clock& clock) : store_(store), clock_(clock) {}

  // Verifies a request's signature. kUnauthenticated with AWS's code before the first ": ";
  // kUnavailable if the store cannot be read.
  Result<Identity> Authenticate(const http::Request& request,
                                std::span<const std::string_view> services) const;

  // The secret of an access key; nothing if there is no such key.
  Result<std::optional<std::string>> SecretOf(const std::string& access_key_id) const;

  // Whether the key's owner may read an object: an administrator any, a device the packages that
  // its desired state names. False for an unknown key.
  Result<bool> MayReadObject(const std::string& access_key_id,
                             const blob::ObjectName& object) const;
  Result<bool> IsAdministrator(const std::string& access_key_id) const;

  http::SigningKeyCache& cache() const { return cache_; }

 private:
  Result<std::optional<store::AccessKey>> Find(const std::string& access_key_id) const;

  store::Store& store_;
  const Clock& clock_;
  mutable http::SigningKeyCache cache_;
};

}  // namespace kedge::server
