// Devices, as rows. What a device reported is in store/tables/device_state.h.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/tables/device_state.h"
#include "store/tables/list_statement.h"

namespace kedge::store {

struct Device {
  std::string fleet;
  std::string name;
  std::optional<std::string> description;
  std::optional<std::string> thing_name;
  EpochMs registered = 0;
  // As the last heartbeat said; set when the device is read, not written with it.
  std::optional<EpochMs> heartbeat_time = std::nullopt;  // none before the first
  std::optional<std::string> agent_version = std::nullopt;
  std::vector<LoadedModel> models = {};
};

struct DeviceFilter {
  std::vector<std::string> visible_fleets;  // names, or prefixes with '*'; empty: all
  std::optional<std::string> fleet_contains;
  std::optional<std::string> model_contains;  // a model of the last heartbeat
  std::optional<EpochMs> heartbeat_after;
};

// With its empty state and its place in the fleet's counters. kAlreadyExists; kFailedPrecondition
// if there is no such fleet.
Status InsertDevice(Transaction& transaction, const Device& device);
// Registers those of these names that are not registered yet.
Status InsertMissingDevices(Transaction& transaction, const std::string& fleet,
                            const std::vector<std::string>& names, EpochMs now);
Result<std::optional<Device>> FindDevice(Transaction& transaction, const std::string& fleet,
                                         const std::string& name);
// False if there is none. Changes description and thing name only.
Result<bool> UpdateDevice(Transaction& transaction, const Device& device);
// By the fleet's counters.
Result<int64_t> CountDevices(Transaction& transaction, const std::string& fleet);
// Its access keys, state and counts go with it. False if there is none.
Result<bool> DeleteDevice(Transaction& transaction, const std::string& fleet,
                          const std::string& name);
// Ordered by fleet, then name. A page looks at a bounded number of rows, whatever the size of the
// fleets: with filters that few devices pass it may end early, and even be empty, and still name a
// next page.
Result<PageOf<Device>> ListDevices(Transaction& transaction, const DeviceFilter& filter,
                                   const Page& page);
Result<bool> FleetHasDevices(Transaction& transaction, const std::string& fleet);
// Names in a fleet, sorted.
Result<std::vector<std::string>> DeviceNames(Transaction& transaction, const std::string& fleet);

}  // namespace kedge::store
