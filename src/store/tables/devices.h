// Devices, their last heartbeat and their access keys, as rows.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/tables/list_statement.h"

namespace kedge::store {

struct Device {
  std::string fleet;
  std::string name;
  std::optional<std::string> description;
  std::optional<std::string> thing_name;
  EpochMs registered = 0;
  std::optional<EpochMs> heartbeat_time;     // none before the first
  std::optional<std::string> agent_version;  // as the last heartbeat said
  std::optional<std::string> heartbeat;      // the last one, JSON
};

struct DeviceFilter {
  std::vector<std::string> visible_fleets;  // names, or prefixes with '*'; empty: all
  std::optional<std::string> fleet_contains;
  std::optional<std::string> model_contains;  // a model of the last heartbeat
  std::optional<EpochMs> heartbeat_after;
};

// kAlreadyExists; kFailedPrecondition if there is no such fleet.
Status InsertDevice(Transaction& transaction, const Device& device);
Result<std::optional<Device>> FindDevice(Transaction& transaction, const std::string& fleet,
                                         const std::string& name);
// False if there is none. Changes description and thing name only.
Result<bool> UpdateDevice(Transaction& transaction, const Device& device);
Result<int64_t> CountDevices(Transaction& transaction, const std::string& fleet);
// Its access keys go with it. False if there is none.
Result<bool> DeleteDevice(Transaction& transaction, const std::string& fleet,
                          const std::string& name);
// Ordered by fleet, then name.
Result<PageOf<Device>> ListDevices(Transaction& transaction, const DeviceFilter& filter,
                                   const Page& page);
Result<bool> FleetHasDevices(Transaction& transaction, const std::string& fleet);
// Names in a fleet, sorted.
Result<std::vector<std::string>> DeviceNames(Transaction& transaction, const std::string& fleet);

struct HeartbeatUpdate {
  std::string fleet;
  std::string device;
  EpochMs time = 0;
  std::string agent_version;
  std::vector<std::string> model_names;
  std::string heartbeat;  // JSON
};
// False if there is no such device.
Result<bool> UpdateHeartbeat(Transaction& transaction, const HeartbeatUpdate& update);

// Who may sign requests. A device's key names its device; an administrator's does not.
struct AccessKey {
  std::string id;
  std::string secret;
  std::string role;  // kRoleAdministrator, kRoleDevice
  std::optional<std::string> fleet;
  std::optional<std::string> device;
  EpochMs created = 0;
};
constexpr std::string_view kRoleAdministrator = "administrator";
constexpr std::string_view kRoleDevice = "device";

Status InsertAccessKey(Transaction& transaction, const AccessKey& key);
Result<std::optional<AccessKey>> FindAccessKey(Transaction& transaction, const std::string& id);
// All keys of one device.
Status DeleteAccessKeys(Transaction& transaction, const std::string& fleet,
                        const std::string& device);

}  // namespace kedge::store
