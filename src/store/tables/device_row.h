// A device as one row of registration and state: what devices.cc and device_list.cc share.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/tables/devices.h"

namespace kedge::store {

constexpr std::string_view kSelectDevices =
    "SELECT d.fleet, d.name, d.description, d.thing_name, d.registered_ms, s.heartbeat_ms, "
    "s.agent_version, s.models FROM devices d JOIN device_state s ON s.fleet = d.fleet AND "
    "s.device = d.name";

inline Device ReadDevice(const Row& row) {
  Device device{.fleet = row.Text(0),
                .name = row.Text(1),
                .description = row.TextOrNull(2),
                .thing_name = row.TextOrNull(3),
                .registered = row.Integer(4)};
  if (row.Integer(5) == 0) return device;
  device.heartbeat_time = row.Integer(5);
  device.agent_version = row.Text(6);
  device.models = ReadModels(row.Text(7));
  return device;
}

}  // namespace kedge::store
