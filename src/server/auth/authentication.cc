// SPDX-License-Identifier: Apache-2.0
#include "server/auth/authentication.h"

#include "server/devices/attempt_limit.h"

namespace kedge::server {

Result<std::shared_ptr<const KnownKey>> Authenticator::Find(
    const std::string& access_key_id) const {
  const auto claim = temporary_keys_.Read(access_key_id);
  if (!claim) return keys_.Find(access_key_id);
  KEDGE_TRY(const auto certificate, certificates_.Find(claim->serial));
  if (certificate == nullptr || certificate->revoked || claim->expires <= clock_.NowMs()) {
    return std::shared_ptr<const KnownKey>();
  }
  auto key = std::make_shared<KnownKey>(KnownKey{.secret = claim->secret});
  key->identity.role = Role::kDevice;
  key->identity.access_key_id = access_key_id;
  key->identity.fleet = certificate->fleet;
  key->identity.device = certificate->device;
  return std::shared_ptr<const KnownKey>(std::move(key));
}

Result<Identity> Authenticator::AuthenticateSigned(
    const http::Request& request, std::span<const std::string_view> services) const {
  const std::string address = AddressOf(request.peer);
  std::shared_ptr<const KnownKey> key;
  Status lookup_status;
  bool looked_up = false;
  const auto lookup = [&](const std::string& id) -> std::optional<std::string> {
    looked_up = true;
    // Only a key that costs a read of the store is refused: a good neighbour goes on.
    if (!keys_.IsRemembered(id) && !failures_.HasToken(address)) {
      lookup_status = ResourceExhausted("too many requests from " + address + " failed");
      return std::nullopt;
    }
    auto found = Find(id);
    if (!found) lookup_status = found.error();
    if (!found || *found == nullptr) return std::nullopt;
    key = std::move(*found);
    return key->secret;
  };
  const auto token_is_valid = [&](const std::string& id, const std::string& token) {
    return TokenIsValid(id, token);
  };
  const auto verified = http::VerifyRequest(request, lookup, services, clock_.NowMs(),
                                            {.cache = &cache_, .token_is_valid = token_is_valid});
  if (!lookup_status) return lookup_status.error();
  if (!verified) {
    // What is refused by its looks, as that of a wrong clock, tries no secret and costs no read: a
    // thousand such devices behind a gateway must not shut out those that come for the first time.
    if (looked_up) failures_.Take(address);
    return verified.error();
  }
  KEDGE_CHECK(key != nullptr);
  if (!temporary_keys_.Read(verified->access_key_id)) {
    keys_.NoteUse(verified->access_key_id, *key);
  }
  return key->identity;
}

Result<Identity> Authenticator::Authenticate(const http::Request& request,
                                             std::span<const std::string_view> services) const {
  const bool by_session =
      request.headers.Find("Authorization") == nullptr && SessionToken(request).has_value();
  auto identity =
      by_session ? sessions_.Authenticate(request) : AuthenticateSigned(request, services);
  if (identity) identity->source = AddressOf(request.peer);
  return identity;
}

}  // namespace kedge::server
