// SPDX-License-Identifier: Apache-2.0
#include "server/auth/authentication.h"

namespace kedge::server {

Result<Identity> Authenticator::Authenticate(const http::Request& request,
                                             std::span<const std::string_view> services) const {
  std::shared_ptr<const KnownKey> key;
  Status read;
  const auto lookup = [&](const std::string& id) -> std::optional<std::string> {
    auto found = keys_.Find(id);
    if (!found) read = found.error();
    if (!found || *found == nullptr) return std::nullopt;
    key = std::move(*found);
    return key->secret;
  };
  const auto verified =
      http::VerifyRequest(request, lookup, services, clock_.NowMs(), {.cache = &cache_});
  if (!read) return read.error();
  if (!verified) return verified.error();
  KEDGE_CHECK(key != nullptr);
  keys_.NoteUse(verified->access_key_id, *key);
  return key->identity;
}

}  // namespace kedge::server
