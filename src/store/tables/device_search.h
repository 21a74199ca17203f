// Finding devices by what they are and report, and the whole of a fleet at a glance: what a person
// who looks at a million devices asks. ListDevices (store/tables/devices.h) is AWS's list.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/tables/devices.h"

namespace kedge::store {

struct DeviceSearch {
  std::vector<std::string> visible_fleets;  // names, or prefixes with '*'; empty: all
  std::optional<std::string> fleet;         // exactly this one
  std::optional<std::string> name_contains;
  std::optional<std::string> model;  // with model_version: exactly that version of it
  std::optional<std::string> model_version;
  std::optional<std::string> agent_version;
  std::optional<EpochMs> heartbeat_from;    // the latest heartbeat is not before
  std::optional<EpochMs> heartbeat_before;  // it is before; 1: there was none
  int64_t skip = 0;                         // rows left out before the first page
  bool by_heartbeat = false;                // sorted by it; by fleet and name otherwise
};

constexpr int64_t kSearchExaminedMax = 200'000;  // devices that one page looks at

// By fleet and name, a page looks at kSearchExaminedMax devices at most: with filters that few pass
// it may end early and still name a next page. By heartbeat it looks at all that pass;
// kInvalidArgument if more than kSearchExaminedMax are registered in the fleets.
Result<PageOf<Device>> SearchDevices(Transaction& transaction, const DeviceSearch& search,
                                     const Page& page);

// One letter a device, in the order of names.
struct FleetStates {
  static constexpr char kConnected = 'c';  // heard of since `connected_from`
  static constexpr char kLate = 'l';       // since `late_from`
  static constexpr char kOffline = 'o';    // once
  static constexpr char kNever = 'n';
  std::string states;
  bool more = false;  // the fleet has further devices
};
struct FleetStatesQuery {
  std::string fleet;
  EpochMs connected_from = 0;
  EpochMs late_from = 0;
  int64_t skip = 0;
  int64_t devices_max = 100'000;
};
// Reads an index, and the rows of those devices only whose hour of the latest heartbeat is one of
// the two limits'.
Result<FleetStates> ReadFleetStates(Transaction& transaction, const FleetStatesQuery& query);

}  // namespace kedge::store
