// The file that `kedge device enroll` writes and the agent reads (`kedge_credentials_path`): who
// the device is, where its server is, and a key that opens only this device's operations.
//
//   {"endpoint": "http://127.0.0.1:8080", "region": "us-east-1", "device_fleet_name": "fleet",
//    "device_name": "device", "access_key_id": "KDEV...", "secret_access_key": "..."}
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace kedge::protocol {

constexpr size_t kCredentialsBytesMax = 64 << 10;

struct DeviceCredentials {
  std::string endpoint;  // may be empty: the agent's configuration names it
  std::string region;
  std::string device_fleet_name;
  std::string device_name;
  std::string access_key_id;
  std::string secret_access_key;
  friend bool operator==(const DeviceCredentials&, const DeviceCredentials&) = default;
};

std::string WriteDeviceCredentials(const DeviceCredentials& credentials);
// kInvalidArgument naming the member that is missing, of another kind or empty. The secret never
// stands in a message.
Result<DeviceCredentials> ParseDeviceCredentials(std::string_view json_text);

}  // namespace kedge::protocol
