// SPDX-License-Identifier: Apache-2.0
#include "cli/swarm/enrolment.h"

#include <algorithm>
#include <cstdio>
#include <unordered_map>

namespace kedge::cli {
namespace {

constexpr size_t kNamesOfCall = 1'000;
constexpr int64_t kWrongClockMs = 20 * 60'000;  // beyond what a signature may be old

std::string NameOf(size_t number) {
  char text[32];
  std::snprintf(text, sizeof(text), "swarm-%07zu", number);
  return text;
}

Status EnsureFleet(const ApiClient& client, const std::string& fleet) {
  const json::Object body{
      {"DeviceFleetName", fleet},
      {"OutputConfig", json::Object{{"S3OutputLocation", "s3://swarm/captures"}}}};
  const auto made = client.Call("SageMaker.CreateDeviceFleet", body);
  if (made || made.error().message.find("ResourceInUse") != std::string::npos) return {};
  return made.error();
}

bool Holds(const json::Value& heartbeat, const SimulatedDevice& device) {
  return heartbeat.StringOr("Boot", "") == BootName(device.acknowledged_boot) &&
         heartbeat.IntOr("Sequence", 0) >= device.acknowledged_sequence;
}

}  // namespace

Result<std::vector<SimulatedDevice>> EnrolSwarm(const ApiClient& client,
                                                const SwarmOptions& options) {
  KEDGE_TRY_STATUS(EnsureFleet(client, options.fleet));
  std::vector<SimulatedDevice> devices(static_cast<size_t>(options.devices));
  const auto wrong = static_cast<size_t>(options.skewed * static_cast<double>(devices.size()));
  for (size_t begin = 0; begin < devices.size(); begin += kNamesOfCall) {
    const size_t end = std::min(begin + kNamesOfCall, devices.size());
    json::Array names;
    for (size_t i = begin; i < end; ++i) {
      devices[i].name = NameOf(i);
      devices[i].clock_skew_ms = i < wrong ? kWrongClockMs : 0;
      names.push_back(devices[i].name);
    }
    KEDGE_TRY(const json::Value answer,
              client.Call("Kedge.EnrollDevices", json::Object{{"DeviceFleetName", options.fleet},
                                                              {"DeviceNames", std::move(names)}}));
    const json::Value* keys = answer.Find("Keys");
    if (keys == nullptr || keys->AsArray() == nullptr || keys->AsArray()->size() != end - begin) {
      return Internal("the server gave another number of keys than was asked for");
    }
    for (size_t i = begin; i < end; ++i) {
      const json::Value& key = (*keys->AsArray())[i - begin];
      devices[i].credentials = {.access_key_id = key.StringOr("AccessKeyId", ""),
                                .secret_access_key = key.StringOr("SecretAccessKey", ""),
                                .session_token = ""};
    }
  }
  return devices;
}

Result<SwarmCheck> CheckSwarm(const ApiClient& client, const SwarmOptions& options,
                              const std::vector<SimulatedDevice>& devices) {
  std::unordered_map<std::string, const SimulatedDevice*> expected;
  for (const SimulatedDevice& device : devices) {
    if (device.acknowledged_boot > 0) expected[device.name] = &device;
  }
  SwarmCheck check;
  const auto look = [&](const json::Value& heartbeat) -> Status {
    ++check.devices;
    const auto found = expected.find(heartbeat.StringOr("DeviceName", ""));
    if (found == expected.end()) return {};
    const SimulatedDevice& device = *found->second;
    if (!Holds(heartbeat, device)) {
      ++check.lost;
      const bool same_boot = heartbeat.StringOr("Boot", "") == BootName(device.acknowledged_boot);
      check.acknowledged_lost +=
          device.acknowledged_sequence - (same_boot ? heartbeat.IntOr("Sequence", 0) : 0);
      if (check.first_lost.empty()) check.first_lost = device.name;
    }
    expected.erase(found);
    return {};
  };
  KEDGE_TRY_STATUS(client.ForEach(
      "Kedge.ListHeartbeats",
      json::Object{{"DeviceFleetName", options.fleet}, {"MaxResults", int64_t{1'000}}},
      "Heartbeats", look));
  for (const auto& [name, device] : expected) {
    ++check.lost;
    check.acknowledged_lost += device->acknowledged_sequence;
    if (check.first_lost.empty()) check.first_lost = name;
  }
  return check;
}

}  // namespace kedge::cli
