// SPDX-License-Identifier: Apache-2.0
#include "cli/swarm/enrolment.h"

#include <algorithm>
#include <cstdio>
#include <span>
#include <unordered_map>

#include "trust/authority.h"

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

Status GiveKeys(const ApiClient& client, const std::string& fleet,
                std::span<SimulatedDevice> devices) {
  json::Array names;
  for (const SimulatedDevice& device : devices) names.push_back(device.name);
  KEDGE_TRY(const json::Value answer,
            client.Call("Kedge.EnrollDevices", json::Object{{"DeviceFleetName", fleet},
                                                            {"DeviceNames", std::move(names)}}));
  const json::Value* keys = answer.Find("Keys");
  if (keys == nullptr || keys->AsArray() == nullptr || keys->AsArray()->size() != devices.size()) {
    return Internal("the server gave another number of keys than was asked for");
  }
  for (size_t i = 0; i < devices.size(); ++i) {
    const json::Value& key = (*keys->AsArray())[i];
    devices[i].credentials = {.access_key_id = key.StringOr("AccessKeyId", ""),
                              .secret_access_key = key.StringOr("SecretAccessKey", ""),
                              .session_token = ""};
  }
  return {};
}

// As a device does by itself: a key made here, and a certificate for it.
Result<json::Value> Claim(http::Transport& transport, const std::string& endpoint,
                          const std::string& token, const std::string& fleet,
                          SimulatedDevice& device) {
  KEDGE_TRY(const trust::KeyAndRequest made,
            trust::MakeDeviceRequest({.fleet = fleet, .device = device.name}));
  http::ClientRequest request{.method = "POST", .url = endpoint + "/enroll"};
  request.headers.Set("Content-Type", "application/json");
  request.body = json::Write(json::Object{{"ClaimToken", token},
                                          {"DeviceName", device.name},
                                          {"CertificateSigningRequest", made.request_pem}});
  const auto response = transport.Send(request);
  if (!response) return response.error();
  if (response->status == 429) {
    return FailedPrecondition("the server takes no more enrolments from here: see --enrolments");
  }
  if (response->status != 200) return ServerError(*response);
  KEDGE_TRY(json::Value answer, json::Parse(response->body));
  device.key_pem = made.key_pem;
  device.certificate_pem = answer.StringOr("Certificate", "");
  return answer;
}

Status GiveCertificates(const ApiClient& client, const SwarmOptions& options,
                        EnrolledSwarm& swarm) {
  KEDGE_TRY(const json::Value token,
            client.Call("Kedge.CreateClaimToken", json::Object{{"DeviceFleetName", options.fleet},
                                                               {"DevicePattern", "swarm-*"},
                                                               {"Uses", options.devices},
                                                               {"ValidMinutes", int64_t{60}}}));
  const auto transport = MakeTransport();
  for (SimulatedDevice& device : swarm.devices) {
    const auto answer = Claim(*transport, client.endpoint(), token.StringOr("ClaimToken", ""),
                              options.fleet, device);
    if (!answer) return Wrap(answer.error(), "enrolling '" + device.name + "'");
    swarm.device_endpoint = answer->StringOr("DeviceEndpoint", "");
    swarm.authority_pem = answer->StringOr("CertificateAuthority", "");
  }
  return {};
}

}  // namespace

Result<EnrolledSwarm> EnrolSwarm(const ApiClient& client, const SwarmOptions& options) {
  KEDGE_TRY_STATUS(EnsureFleet(client, options.fleet));
  EnrolledSwarm swarm;
  swarm.devices.resize(static_cast<size_t>(options.devices));
  const auto wrong = static_cast<size_t>(options.skewed * static_cast<double>(options.devices));
  for (size_t i = 0; i < swarm.devices.size(); ++i) {
    swarm.devices[i].name = options.names.empty() ? NameOf(i) : options.names[i];
    swarm.devices[i].clock_skew_ms = i < wrong ? kWrongClockMs : 0;
  }
  if (options.certificates) {
    KEDGE_TRY_STATUS(GiveCertificates(client, options, swarm));
    return swarm;
  }
  for (size_t begin = 0; begin < swarm.devices.size(); begin += kNamesOfCall) {
    const size_t n = std::min(kNamesOfCall, swarm.devices.size() - begin);
    KEDGE_TRY_STATUS(GiveKeys(client, options.fleet, std::span(swarm.devices).subspan(begin, n)));
  }
  return swarm;
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
