// Who calls.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace kedge::server {

struct Identity {
  std::string access_key_id;
  // Set for a device's own key: it may act for this device only. Both empty: an administrator.
  std::string fleet;
  std::string device;
  bool IsDevice() const { return !device.empty(); }
};

}  // namespace kedge::server
