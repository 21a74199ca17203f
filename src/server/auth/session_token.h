// Temporary access keys of devices, as AWS IoT's credential provider gives them. No row stands
// behind one: everything follows from the master key and the id, so that any node accepts it.
//
//   id      "KEDT" | expiry, seconds since the epoch, 10 hexadecimal digits | serial of the
//           certificate that asked for it
//   secret  base64 of the first 30 bytes of HMAC-SHA-256(derived key, "secret " id)
//   token   the id sealed for the purpose "session token"
//
// An id that was made up names a secret that its maker does not know. The certificate's row says
// whose key it is and whether it was revoked: then its temporary keys end with it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "server/keys/keyring.h"

namespace kedge::server {

struct TemporaryKey {
  std::string id;
  std::string secret;
  std::string token;
  EpochMs expires = 0;  // whole seconds
};

// Thread-safe.
class TemporaryKeys {
 public:
  // Borrows it.
  explicit TemporaryKeys(const Keyring& keyring)
      : keyring_(keyring), derived_(keyring.Derive("temporary keys")) {}

  Result<TemporaryKey> Make(const std::string& serial, EpochMs expires) const;

  struct Claim {
    std::string serial;
    EpochMs expires = 0;
    std::string secret;
  };
  // What an id says; nothing if it has another form.
  std::optional<Claim> Read(std::string_view id) const;
  // Whether the token was given with that id.
  bool TokenIsValid(std::string_view id, std::string_view token) const;

 private:
  std::string SecretOf(std::string_view id) const;

  const Keyring& keyring_;
  const crypto::AeadKey derived_;
};

}  // namespace kedge::server
