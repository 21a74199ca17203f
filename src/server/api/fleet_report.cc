// The operating status of a fleet: how many of its devices are connected, which agents they have
// and how their models are doing.
// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "server/api/context.h"
#include "server/api/lookup.h"
#include "server/api/wire.h"

namespace kedge::server {
namespace {

struct ModelCounts {
  int64_t offline = 0;
  int64_t connected = 0;
  int64_t active = 0;
  int64_t sampling = 0;
};
struct FleetCounts {
  int64_t registered = 0;
  int64_t connected = 0;
  std::map<std::string, int64_t> agents;                              // by version
  std::map<std::pair<std::string, std::string>, ModelCounts> models;  // by name and version
};

void CountDevice(const store::Device& device, EpochMs connected_after, FleetCounts& counts) {
  const bool connected = device.heartbeat_time.value_or(0) > connected_after;
  ++counts.registered;
  counts.connected += connected;
  if (device.agent_version) ++counts.agents[*device.agent_version];
  const json::Value heartbeat = FromText(device.heartbeat.value_or(""));
  for (const json::Value& model : Input(heartbeat).List("Models")) {
    const auto later = [&](std::string_view member) {
      return Input(model).Time(member).value_or(0) > connected_after;
    };
    ModelCounts& count =
        counts.models[{model.StringOr("ModelName", ""), model.StringOr("ModelVersion", "")}];
    count.offline += !connected;
    count.connected += connected;
    count.active += connected && later("LatestInference");
    count.sampling += connected && later("LatestSampleTime");
  }
}

Result<FleetCounts> CountFleet(store::Transaction& transaction, const std::string& fleet,
                               EpochMs connected_after) {
  FleetCounts counts;
  KEDGE_TRY(const auto names, store::DeviceNames(transaction, fleet));
  for (const std::string& name : names) {
    KEDGE_TRY(const auto device, store::FindDevice(transaction, fleet, name));
    if (device) CountDevice(*device, connected_after, counts);
  }
  return counts;
}

json::Array AgentVersions(const FleetCounts& counts) {
  json::Array versions;
  for (const auto& [version, count] : counts.agents) {
    versions.push_back(json::Object{{"Version", version}, {"AgentCount", count}});
  }
  return versions;
}

json::Array ModelStats(const FleetCounts& counts) {
  json::Array stats;
  for (const auto& [model, count] : counts.models) {
    stats.push_back(json::Object{{"ModelName", model.first},
                                 {"ModelVersion", model.second},
                                 {"OfflineDeviceCount", count.offline},
                                 {"ConnectedDeviceCount", count.connected},
                                 {"ActiveDeviceCount", count.active},
                                 {"SamplingDeviceCount", count.sampling}});
  }
  return stats;
}

Result<json::Value> GetDeviceFleetReport(const Context& context, const Call& call) {
  const EpochMs now = context.clock.NowMs();
  store::Fleet fleet;
  FleetCounts counts;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(fleet, NeedFleet(transaction, call.input().Text("DeviceFleetName")));
    KEDGE_TRY(counts,
              CountFleet(transaction, fleet.name, now - context.connected_minutes * 60'000));
    return {};
  }));
  json::Object answer{{"DeviceFleetArn", context.arns.Fleet(fleet.name)},
                      {"DeviceFleetName", fleet.name},
                      {"OutputConfig", FromText(fleet.output_config)},
                      {"ReportGenerated", Seconds(now)},
                      {"DeviceStats", json::Object{{"ConnectedDeviceCount", counts.connected},
                                                   {"RegisteredDeviceCount", counts.registered}}},
                      {"AgentVersions", AgentVersions(counts)},
                      {"ModelStats", ModelStats(counts)}};
  SetIf(answer, "Description", fleet.description);
  return json::Value(std::move(answer));
}

}  // namespace

void AddFleetReportRoutes(Router& router, const Context& context) {
  router.Add("GetDeviceFleetReport",
             [&context](const Call& call) { return GetDeviceFleetReport(context, call); });
}

}  // namespace kedge::server
