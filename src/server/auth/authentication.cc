// SPDX-License-Identifier: Apache-2.0
#include "server/auth/authentication.h"

#include "server/api/desired_state.h"
#include "store/tables/devices.h"

namespace kedge::server {

Result<std::optional<store::AccessKey>> Authenticator::Find(
    const std::string& access_key_id) const {
  std::optional<store::AccessKey> key;
  KEDGE_TRY_STATUS(store_.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(key, store::FindAccessKey(transaction, access_key_id));
    return {};
  }));
  return key;
}

Result<Identity> Authenticator::Authenticate(const http::Request& request,
                                             std::span<const std::string_view> services) const {
  std::optional<store::AccessKey> key;
  Status read;
  const auto lookup = [&](const std::string& id) -> std::optional<std::string> {
    auto found = Find(id);
    if (!found) read = found.error();
    if (!found || !*found) return std::nullopt;
    key = std::move(*found);
    return key->secret;
  };
  const auto verified =
      http::VerifyRequest(request, lookup, services, clock_.NowMs(), {.cache = &cache_});
  if (!read) return read.error();
  if (!verified) return verified.error();
  KEDGE_CHECK(key.has_value());
  return Identity{.role = key->role == store::kRoleAdministrator ? Role::kAdmin : Role::kDevice,
                  .access_key_id = key->id,
                  .fleet = key->fleet.value_or(""),
                  .device = key->device.value_or("")};
}

Result<std::optional<std::string>> Authenticator::SecretOf(const std::string& access_key_id) const {
  KEDGE_TRY(const auto key, Find(access_key_id));
  if (!key) return std::optional<std::string>();
  return std::optional<std::string>(key->secret);
}

Result<bool> Authenticator::IsAdministrator(const std::string& access_key_id) const {
  KEDGE_TRY(const auto key, Find(access_key_id));
  return key && key->role == store::kRoleAdministrator;
}

Result<bool> Authenticator::MayReadObject(const std::string& access_key_id,
                                          const blob::ObjectName& object) const {
  KEDGE_TRY(const auto key, Find(access_key_id));
  if (!key) return false;
  if (key->role == store::kRoleAdministrator) return true;
  bool assigned = false;
  KEDGE_TRY_STATUS(store_.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto deployments, DesiredState(transaction, *key->fleet, *key->device));
    for (const auto& deployment : deployments) {
      for (const auto& definition : deployment.definitions) {
        assigned = assigned || definition.s3_url == object.Uri();
      }
    }
    return {};
  }));
  return assigned;
}

}  // namespace kedge::server
