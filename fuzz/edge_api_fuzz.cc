// The messages between device and server, as both sides read them: whatever is taken must be
// written again as the same.
// SPDX-License-Identifier: Apache-2.0
#include "protocol/device_credentials.h"
#include "protocol/edge_api.h"

namespace {

using kedge::json::Value;

template <class Read>
void CheckTrip(const Value& value, Read read) {
  const auto first = read(value);
  if (!first) return;
  const auto text = kedge::json::Write(kedge::protocol::ToJson(*first));
  const auto again = read(*kedge::json::Parse(text));
  // Times are rounded to milliseconds and long texts cut once, so the second reading is the fixed
  // point.
  KEDGE_CHECK(again.has_value());
  KEDGE_CHECK(kedge::json::Write(kedge::protocol::ToJson(*again)) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  if (const auto credentials = kedge::protocol::ParseDeviceCredentials(text)) {
    const auto again = kedge::protocol::ParseDeviceCredentials(
        kedge::protocol::WriteDeviceCredentials(*credentials));
    KEDGE_CHECK(again.has_value() && *again == *credentials);
  }
  const auto value = kedge::json::Parse(text);
  if (!value) return 0;
  CheckTrip(*value, kedge::protocol::ParseHeartbeat);
  CheckTrip(*value, kedge::protocol::ParseDeployments);
  CheckTrip(*value, kedge::protocol::ParseDeviceRegistration);
  CheckTrip(*value, kedge::protocol::ParseDeviceIdentity);
  return 0;
}
