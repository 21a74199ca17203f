// The operating status of a fleet: how many of its devices are connected, which agents they have
// and how their models are doing.
// SPDX-License-Identifier: Apache-2.0
#include "server/api/context.h"
#include "server/api/lookup.h"
#include "server/api/wire.h"
#include "store/tables/fleet_counts.h"

namespace kedge::server {
namespace {

json::Array AgentVersions(const store::FleetReport& report) {
  json::Array versions;
  for (const store::FleetReport::Agent& agent : report.agents) {
    versions.push_back(json::Object{{"Version", agent.version}, {"AgentCount", agent.devices}});
  }
  return versions;
}

json::Array ModelStats(const store::FleetReport& report) {
  json::Array stats;
  for (const store::FleetReport::Model& model : report.models) {
    stats.push_back(json::Object{{"ModelName", model.name},
                                 {"ModelVersion", model.version},
                                 {"OfflineDeviceCount", model.devices - model.connected},
                                 {"ConnectedDeviceCount", model.connected},
                                 {"ActiveDeviceCount", model.active},
                                 {"SamplingDeviceCount", model.sampling}});
  }
  return stats;
}

Result<json::Value> GetDeviceFleetReport(const Context& context, const Call& call) {
  const EpochMs now = context.clock.NowMs();
  store::Fleet fleet;
  store::FleetReport report;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(fleet, NeedFleet(transaction, call.input().Text("DeviceFleetName")));
    KEDGE_TRY(report, store::ReadFleetReport(transaction, fleet.name,
                                             now / store::kMinuteMs - context.connected_minutes));
    return {};
  }));
  json::Object answer{{"DeviceFleetArn", context.arns.Fleet(fleet.name)},
                      {"DeviceFleetName", fleet.name},
                      {"OutputConfig", FromText(fleet.output_config)},
                      {"ReportGenerated", Seconds(now)},
                      {"DeviceStats", json::Object{{"ConnectedDeviceCount", report.connected},
                                                   {"RegisteredDeviceCount", report.registered}}},
                      {"AgentVersions", AgentVersions(report)},
                      {"ModelStats", ModelStats(report)}};
  SetIf(answer, "Description", fleet.description);
  return json::Value(std::move(answer));
}

}  // namespace

void AddFleetReportRoutes(Router& router, const Context& context) {
  router.Add("GetDeviceFleetReport",
             [&context](const Call& call) { return GetDeviceFleetReport(context, call); });
}

}  // namespace kedge::server
