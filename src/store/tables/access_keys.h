// Access keys, as rows: who may sign requests.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/tables/list_statement.h"

namespace kedge::store {

// A key speaks for a device (fleet and device are set), for a user, or for itself.
struct AccessKey {
  std::string id;
  std::string secret;  // sealed with the installation's master key, if `is_sealed`
  std::string role;    // server/auth/role.h
  std::optional<std::string> fleet;
  std::optional<std::string> device;
  EpochMs created = 0;
  bool is_sealed = false;
  std::optional<std::string> user;
  std::string fleets = "[]";  // JSON: the fleets that it is restricted to
  std::optional<std::string> description;
  bool enabled = true;
  std::optional<EpochMs> expires;
  std::optional<EpochMs> used;  // about when it signed last
};
constexpr std::string_view kRoleAdmin = "admin";
constexpr std::string_view kRoleDevice = "device";

// Row of `epochs` that every change of what a key or user may do raises, so that nodes may remember
// keys (server/auth/known_keys.h). New keys and the times of use raise nothing.
constexpr std::string_view kRightsEpoch = "rights";
Status RaiseRightsEpoch(Transaction& transaction);
Result<int64_t> RightsEpoch(Transaction& transaction);  // 0 before the first change

struct AccessKeyFilter {
  std::optional<std::string> user;
  std::optional<std::string> role;
};

// kAlreadyExists; kFailedPrecondition if there is no such device or user.
Status InsertAccessKey(Transaction& transaction, const AccessKey& key);
Result<std::optional<AccessKey>> FindAccessKey(Transaction& transaction, const std::string& id);
// Everything but id, device, user and creation. False if there is none.
Result<bool> UpdateAccessKey(Transaction& transaction, const AccessKey& key);
struct KeyUse {
  std::string id;
  EpochMs time = 0;
};
// No error if there is none (any more).
Status TouchAccessKeys(Transaction& transaction, const std::vector<KeyUse>& uses);
Result<bool> DeleteAccessKey(Transaction& transaction, const std::string& id);
Result<bool> HasAccessKeys(Transaction& transaction, const std::string& fleet,
                           const std::string& device);
// All keys of one device.
Status DeleteAccessKeys(Transaction& transaction, const std::string& fleet,
                        const std::string& device);
// Keys of people and programs, not those of devices; oldest first.
Result<PageOf<AccessKey>> ListAccessKeys(Transaction& transaction, const AccessKeyFilter& filter,
                                         const Page& page);
Result<int64_t> CountAccessKeysOfUser(Transaction& transaction, const std::string& user);
// At most `rows_max` keys whose secret is not sealed yet.
Result<std::vector<AccessKey>> UnsealedAccessKeys(Transaction& transaction, int64_t rows_max);

}  // namespace kedge::store
