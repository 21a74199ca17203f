// The fleet at a glance: sums, one letter a device, and finding devices.
// SPDX-License-Identifier: Apache-2.0
#include "server/api/overview.h"

#include "server/api/lookup.h"
#include "server/api/paging.h"
#include "server/api/wire.h"
#include "store/tables/device_search.h"
#include "store/tables/overview.h"

namespace kedge::server {
namespace {

constexpr EpochMs kLateMs = EpochMs{24} * 3600 * 1000;

// A device whose latest heartbeat is not before this is connected; whole minutes, as the counters.
EpochMs ConnectedFrom(const Context& context) {
  return (context.clock.NowMs() / store::kMinuteMs - context.connected_minutes) * store::kMinuteMs;
}

template <class Item, class ToJson>
json::Array ArrayOf(const std::vector<Item>& items, ToJson to_json) {
  json::Array array;
  for (const Item& item : items) array.push_back(to_json(item));
  return array;
}

json::Object ToJson(const store::Overview& overview) {
  using store::FleetReport;
  using store::Overview;
  return {{"RegisteredDevices", overview.total.registered},
          {"ConnectedDevices", overview.total.connected},
          {"NeverHeardDevices", overview.never},
          {"FleetCount", overview.fleet_count},
          {"Fleets", ArrayOf(overview.fleets,
                             [](const Overview::Fleet& fleet) {
                               return json::Object{{"DeviceFleetName", fleet.name},
                                                   {"RegisteredDevices", fleet.registered},
                                                   {"ConnectedDevices", fleet.connected}};
                             })},
          {"AgentVersions", ArrayOf(overview.total.agents,
                                    [](const FleetReport::Agent& agent) {
                                      return json::Object{{"Version", agent.version},
                                                          {"Devices", agent.devices}};
                                    })},
          {"Models", ArrayOf(overview.total.models,
                             [](const FleetReport::Model& model) {
                               return json::Object{{"ModelName", model.name},
                                                   {"ModelVersion", model.version},
                                                   {"Devices", model.devices},
                                                   {"ConnectedDevices", model.connected},
                                                   {"ActiveDevices", model.active},
                                                   {"SamplingDevices", model.sampling}};
                             })},
          {"HeardMinutes", ArrayOf(overview.minutes,
                                   [](const Overview::Minute& minute) {
                                     return json::Object{
                                         {"Time", Seconds(minute.minute * store::kMinuteMs)},
                                         {"Devices", minute.devices}};
                                   })},
          {"Stages", ArrayOf(overview.stages,
                             [](const Overview::Stage& stage) {
                               return json::Object{{"EdgeDeploymentPlanName", stage.plan},
                                                   {"DeviceFleetName", stage.fleet},
                                                   {"StageName", stage.name},
                                                   {"StageStatus", stage.status},
                                                   {"Pending", stage.pending},
                                                   {"Success", stage.deployed},
                                                   {"Failed", stage.failed}};
                             })},
          {"Jobs", ArrayOf(overview.jobs, [](const Overview::Jobs& jobs) {
             return json::Object{
                 {"JobKind", jobs.kind}, {"JobStatus", jobs.status}, {"Jobs", jobs.jobs}};
           })}};
}

Result<json::Value> GetOverview(const Context& context, const Call& call) {
  const EpochMs now = context.clock.NowMs();
  const int64_t minute = now / store::kMinuteMs;
  const store::OverviewQuery query{.visible_fleets = call.identity.fleets,
                                   .minute_now = minute,
                                   .minute_connected = minute - context.connected_minutes};
  store::Overview overview;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(overview, store::ReadOverview(transaction, query));
    return {};
  }));
  json::Object answer = ToJson(overview);
  answer.Set("Time", Seconds(now));
  answer.Set("ConnectedMinutes", context.connected_minutes);
  return json::Value(std::move(answer));
}

Result<json::Value> GetFleetHealth(const Context& context, const Call& call) {
  const Input input = call.input();
  const EpochMs now = context.clock.NowMs();
  store::FleetStates states;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const store::Fleet fleet, NeedFleet(transaction, input.Text("DeviceFleetName")));
    KEDGE_TRY(states, store::ReadFleetStates(transaction, {.fleet = fleet.name,
                                                           .connected_from = ConnectedFrom(context),
                                                           .late_from = now - kLateMs,
                                                           .skip = input.Integer("Skip", 0)}));
    return {};
  }));
  return json::Value(json::Object{
      {"States", std::move(states.states)}, {"More", states.more}, {"Time", Seconds(now)}});
}

const char* ConnectionOf(const Context& context, const store::Device& device) {
  if (!device.heartbeat_time) return "NEVER";
  if (*device.heartbeat_time >= ConnectedFrom(context)) return "CONNECTED";
  return *device.heartbeat_time >= context.clock.NowMs() - kLateMs ? "LATE" : "OFFLINE";
}

Result<store::DeviceSearch> ReadSearch(const Context& context, const Call& call) {
  const Input input = call.input();
  store::DeviceSearch search{.visible_fleets = call.identity.fleets,
                             .fleet = input.TextOrNone("DeviceFleetName"),
                             .name_contains = input.TextOrNone("NameContains"),
                             .model = input.TextOrNone("ModelName"),
                             .model_version = input.TextOrNone("ModelVersion"),
                             .agent_version = input.TextOrNone("AgentVersion"),
                             .skip = input.Integer("Skip", 0),
                             .by_heartbeat = input.Text("SortBy") == "LATEST_HEARTBEAT"};
  if (search.model_version && !search.model) {
    return InvalidArgument("ModelVersion needs a ModelName");
  }
  const EpochMs connected = ConnectedFrom(context);
  const EpochMs late = context.clock.NowMs() - kLateMs;
  const std::string connection = input.Text("Connection");
  if (connection == "CONNECTED") search.heartbeat_from = connected;
  if (connection == "LATE") search.heartbeat_from = late;
  if (connection == "LATE") search.heartbeat_before = connected;
  if (connection == "OFFLINE") search.heartbeat_from = 1;
  if (connection == "OFFLINE") search.heartbeat_before = late;
  if (connection == "NEVER") search.heartbeat_before = 1;
  return search;
}

json::Object Describe(const Context& context, const store::Device& device) {
  json::Object object{{"DeviceFleetName", device.fleet},
                      {"DeviceName", device.name},
                      {"Connection", ConnectionOf(context, device)},
                      {"RegistrationTime", Seconds(device.registered)}};
  if (device.heartbeat_time) object.Set("LatestHeartbeat", Seconds(*device.heartbeat_time));
  SetIf(object, "AgentVersion", device.agent_version);
  SetIf(object, "Description", device.description);
  object.Set("Models", ArrayOf(device.models, [](const store::LoadedModel& model) {
               return json::Object{{"ModelName", model.name}, {"ModelVersion", model.version}};
             }));
  return object;
}

Result<json::Value> ListDeviceStates(const Context& context, const Call& call) {
  KEDGE_TRY(const store::Page page, ReadPage(call.input(), call.operation));
  KEDGE_TRY(const store::DeviceSearch search, ReadSearch(context, call));
  store::PageOf<store::Device> devices;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(devices, store::SearchDevices(transaction, search, page));
    return {};
  }));
  json::Object answer{{"Devices", ArrayOf(devices.items, [&](const store::Device& device) {
                         return Describe(context, device);
                       })}};
  SetNextToken(answer, call.operation, devices.next);
  return json::Value(std::move(answer));
}

}  // namespace

void AddOverviewRoutes(Router& router, const Context& context) {
  router.Add("GetOverview", [&context](const Call& call) { return GetOverview(context, call); });
  router.Add("GetFleetHealth",
             [&context](const Call& call) { return GetFleetHealth(context, call); });
  router.Add("ListDeviceStates",
             [&context](const Call& call) { return ListDeviceStates(context, call); });
}

}  // namespace kedge::server
