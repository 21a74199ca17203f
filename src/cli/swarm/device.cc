// SPDX-License-Identifier: Apache-2.0
#include "cli/swarm/device.h"

#include "protocol/edge_api.h"

namespace kedge::cli {
namespace {

std::string Post(const SimulatedDevice& device, const std::string& url, std::string_view path,
                 const std::string& region, EpochMs now, http::SigningKeyCache& signing_keys,
                 std::string body) {
  http::ClientRequest request;
  request.method = "POST";
  request.url = url + std::string(path);
  request.headers.Set("Content-Type", "application/json");
  request.body = std::move(body);
  if (device.credentials.access_key_id.empty()) {
    request.headers.Set("Host", url.substr(url.find("//") + 2));
  } else {
    // Cannot fail: URL and keys were looked at before.
    static_cast<void>(http::SignRequestInSteps(device.credentials, {region, "sagemaker"},
                                               now + device.clock_skew_ms, {.cache = &signing_keys},
                                               request));
  }
  std::string text = "POST " + std::string(path) + " HTTP/1.1\r\n";
  for (const auto& [name, value] : request.headers.list) {
    text += name;
    text += ": ";
    text += value;
    text += "\r\n";
  }
  text += "Content-Length: " + std::to_string(request.body.size()) + "\r\n\r\n";
  return text + request.body;
}

protocol::DeploymentResult ResultOf(const SimulatedDevice& device) {
  return {.deployment_name = device.to_report,
          .deployment_status = std::string(device.failed ? protocol::kDeploymentFailed
                                                         : protocol::kDeploymentSucceeded),
          .models = {{.model_handle = "model",
                      .model_name = "",
                      .model_version = "",
                      .succeeded = !device.failed,
                      .status_reason = device.failed ? "the simulated device said no" : "",
                      .rollback_failure_reason = ""}}};
}

}  // namespace

std::string HeartbeatRequest(const SimulatedDevice& device, const std::string& url,
                             const std::string& fleet, const std::string& region, EpochMs now,
                             int64_t period_ms, const std::string& statistics,
                             http::SigningKeyCache& signing_keys) {
  protocol::Heartbeat heartbeat;
  heartbeat.agent_version = "1.20261122.swarm";
  heartbeat.device = {.device_name = device.name, .device_fleet_name = fleet};
  heartbeat.models = {{.model_name = "swarm-model",
                       .model_version = "1.0",
                       .latest_sample_time = std::nullopt,
                       .latest_inference = now,
                       .metrics = {}}};
  if (!device.to_report.empty()) heartbeat.deployment_result = ResultOf(device);
  heartbeat.boot = BootName(device.boot);
  heartbeat.sequence = device.sequence;
  heartbeat.period_ms = period_ms;
  heartbeat.statistics = statistics;
  return Post(device, url, protocol::kSendHeartbeatPath, region, now, signing_keys,
              json::Write(protocol::ToJson(heartbeat)));
}

std::string PollRequest(const SimulatedDevice& device, const std::string& url,
                        const std::string& fleet, const std::string& region, EpochMs now,
                        http::SigningKeyCache& signing_keys) {
  return Post(device, url, protocol::kGetDeploymentsPath, region, now, signing_keys,
              json::Write(protocol::ToJson(protocol::DeviceIdentity{.device_name = device.name,
                                                                    .device_fleet_name = fleet})));
}

}  // namespace kedge::cli
