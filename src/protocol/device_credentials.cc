// SPDX-License-Identifier: Apache-2.0
#include "protocol/device_credentials.h"

#include "base/json/json.h"
#include "protocol/edge_api.h"
#include "protocol/json_members.h"

namespace kedge::protocol {

std::string WriteDeviceCredentials(const DeviceCredentials& credentials) {
  json::Object object;
  if (!credentials.endpoint.empty()) object.Set("endpoint", credentials.endpoint);
  object.Set("region", credentials.region);
  object.Set("device_fleet_name", credentials.device_fleet_name);
  object.Set("device_name", credentials.device_name);
  object.Set("access_key_id", credentials.access_key_id);
  object.Set("secret_access_key", credentials.secret_access_key);
  return json::WritePretty(std::move(object));
}

Result<DeviceCredentials> ParseDeviceCredentials(std::string_view json_text) {
  auto value = json::Parse(json_text, {.bytes_max = kCredentialsBytesMax, .depth_max = 4});
  // The reader's message could quote the text, and the text holds a secret.
  if (!value) return InvalidArgument("device credentials are not one JSON object");
  ObjectReader reader(*value, "");
  DeviceCredentials credentials;
  credentials.endpoint = reader.String("endpoint");
  credentials.region = reader.String("region", true);
  credentials.device_fleet_name = reader.String("device_fleet_name", true);
  credentials.device_name = reader.String("device_name", true);
  credentials.access_key_id = reader.String("access_key_id", true);
  credentials.secret_access_key = reader.String("secret_access_key", true);
  KEDGE_TRY_STATUS(reader.status());
  if (!IsDeviceName(credentials.device_name))
    return InvalidArgument("member device_name is not the name of a device");
  if (!IsDeviceName(credentials.device_fleet_name))
    return InvalidArgument("member device_fleet_name is not the name of a fleet");
  return credentials;
}

}  // namespace kedge::protocol
