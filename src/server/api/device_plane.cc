// What a device asks and reports.
// SPDX-License-Identifier: Apache-2.0
#include "protocol/edge_api.h"
#include "server/api/context.h"
#include "server/api/desired_state.h"
#include "server/api/lookup.h"
#include "server/api/rollout.h"

namespace kedge::server {
namespace {

constexpr int64_t kRegistrationTtlSeconds = 300;

Result<json::Value> GetDeviceRegistration(const Context& context, const Call& call) {
  const Input input = call.input();
  bool registered = false;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto device, store::FindDevice(transaction, input.Text("DeviceFleetName"),
                                                   input.Text("DeviceName")));
    registered = device.has_value();
    return {};
  }));
  return protocol::ToJson(protocol::DeviceRegistration{
      .registration = std::string(registered ? protocol::kRegistered : protocol::kNotRegistered),
      .cache_ttl_seconds = kRegistrationTtlSeconds});
}

Result<json::Value> GetDeployments(const Context& context, const Call& call) {
  const Input input = call.input();
  const std::string fleet = input.Text("DeviceFleetName");
  const std::string device = input.Text("DeviceName");
  std::vector<protocol::EdgeDeployment> desired;
  bool is_new = false;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const auto found, NeedDevice(transaction, fleet, device));
    KEDGE_TRY(desired, DesiredState(transaction, fleet, device));
    KEDGE_TRY(is_new, AnythingToPickUp(transaction, fleet, device));
    return {};
  }));
  // Most polls find nothing new and write nothing.
  if (is_new) {
    KEDGE_TRY_STATUS(context.store.Write(
        [&](store::Transaction& transaction) { return PickUp(transaction, fleet, device); }));
  }
  return protocol::ToJson(desired);
}

Status StoreHeartbeat(store::Transaction& transaction, const protocol::Heartbeat& heartbeat,
                      const std::string& text, EpochMs now) {
  store::HeartbeatUpdate update{.fleet = heartbeat.device.device_fleet_name,
                                .device = heartbeat.device.device_name,
                                .time = now,
                                .agent_version = heartbeat.agent_version,
                                .heartbeat = text};
  for (const protocol::ModelReport& model : heartbeat.models) {
    update.model_names.push_back(model.model_name);
  }
  KEDGE_TRY(const bool found, store::UpdateHeartbeat(transaction, update));
  if (!found) return InvalidArgument("No device with name: " + update.device);
  if (!heartbeat.deployment_result) return {};
  return RecordResult(transaction, heartbeat.device, *heartbeat.deployment_result);
}

// Many heartbeats share one commit, and none holds a thread while it waits for it.
void SendHeartbeat(const Context& context, const Call& call, const Reply& reply) {
  auto heartbeat = protocol::ParseHeartbeat(call.body);
  if (!heartbeat) return reply(heartbeat.error());
  const EpochMs now = context.clock.NowMs();
  context.store.WriteLater(
      [heartbeat = std::move(*heartbeat), text = json::Write(call.body),
       now](store::Transaction& transaction) {
        return StoreHeartbeat(transaction, heartbeat, text, now);
      },
      [reply](const Status& status) {
        if (!status) return reply(status.error());
        reply(json::Value());
      });
}

}  // namespace

void AddDevicePlaneRoutes(Router& router, const Context& context) {
  router.Add("GetDeviceRegistration",
             [&context](const Call& call) { return GetDeviceRegistration(context, call); });
  router.Add("GetDeployments",
             [&context](const Call& call) { return GetDeployments(context, call); });
  router.AddLater("SendHeartbeat", [&context](const Call& call, const Reply& reply) {
    SendHeartbeat(context, call, reply);
  });
}

}  // namespace kedge::server
