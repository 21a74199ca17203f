// Fleets.
// SPDX-License-Identifier: Apache-2.0
#include "server/api/context.h"
#include "server/api/lookup.h"
#include "server/api/paging.h"
#include "server/api/wire.h"
#include "store/tables/events.h"

namespace kedge::server {
namespace {

Status AddFleetEvent(const Context& context, store::Transaction& transaction, const Call& call,
                     store::EventKind kind, const std::string& fleet) {
  return store::AddEvent(transaction, context.clock.NowMs(),
                         {.kind = kind,
                          .resource = context.arns.Fleet(fleet),
                          .fleet = fleet,
                          .actor = call.identity.Principal()});
}

Result<json::Value> CreateDeviceFleet(const Context& context, const Call& call) {
  const Input input = call.input();
  const EpochMs now = context.clock.NowMs();
  const store::Fleet fleet{.name = input.Text("DeviceFleetName"),
                           .description = input.TextOrNone("Description"),
                           .role_arn = input.TextOrNone("RoleArn"),
                           .output_config = input.JsonText("OutputConfig"),
                           .has_role_alias = input.Flag("EnableIotRoleAlias"),
                           .created = now,
                           .modified = now};
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto found, store::FindFleet(transaction, fleet.name));
    if (found) return AlreadyExists("Fleet with name " + fleet.name + " already exists");
    KEDGE_TRY_STATUS(CheckQuotaOfTable(transaction, "fleets", context.quotas.fleets, "fleets"));
    KEDGE_TRY_STATUS(store::InsertFleet(transaction, fleet));
    KEDGE_TRY_STATUS(
        AddFleetEvent(context, transaction, call, store::EventKind::kFleetCreated, fleet.name));
    return PutTags(transaction, input, context.arns.Fleet(fleet.name));
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return json::Value();
}

// What is absent stays, but OutputConfig, which is required.
Result<json::Value> UpdateDeviceFleet(const Context& context, const Call& call) {
  const Input input = call.input();
  KEDGE_TRY_STATUS(call.Write(context.store, [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(store::Fleet fleet, NeedFleet(transaction, input.Text("DeviceFleetName")));
    if (const auto text = input.TextOrNone("Description")) fleet.description = text;
    if (const auto text = input.TextOrNone("RoleArn")) fleet.role_arn = text;
    if (input.Find("EnableIotRoleAlias") != nullptr) {
      fleet.has_role_alias = input.Flag("EnableIotRoleAlias");
    }
    fleet.output_config = input.JsonText("OutputConfig");
    fleet.modified = context.clock.NowMs();
    KEDGE_TRY([[maybe_unused]] const bool found, store::UpdateFleet(transaction, fleet));
    return AddFleetEvent(context, transaction, call, store::EventKind::kFleetUpdated, fleet.name);
  }));
  return json::Value();
}

Result<json::Value> DescribeDeviceFleet(const Context& context, const Call& call) {
  store::Fleet fleet;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(fleet, NeedFleet(transaction, call.input().Text("DeviceFleetName")));
    return {};
  }));
  json::Object answer{{"DeviceFleetName", fleet.name},
                      {"DeviceFleetArn", context.arns.Fleet(fleet.name)},
                      {"OutputConfig", FromText(fleet.output_config)},
                      {"CreationTime", Seconds(fleet.created)},
                      {"LastModifiedTime", Seconds(fleet.modified)}};
  SetIf(answer, "Description", fleet.description);
  SetIf(answer, "RoleArn", fleet.role_arn);
  if (fleet.has_role_alias) answer.Set("IotRoleAlias", context.arns.RoleAlias(fleet.name));
  return json::Value(std::move(answer));
}

store::FleetOrder ReadOrder(const std::string& sort_by) {
  if (sort_by == "NAME") return store::FleetOrder::kName;
  if (sort_by == "LAST_MODIFIED_TIME") return store::FleetOrder::kModified;
  return store::FleetOrder::kCreated;
}

Result<json::Value> ListDeviceFleets(const Context& context, const Call& call) {
  const Input input = call.input();
  KEDGE_TRY(const store::Page page, ReadPage(input, call.operation));
  const store::FleetFilter filter{.visible_fleets = call.identity.fleets,
                                  .name_contains = input.TextOrNone("NameContains"),
                                  .window = ReadWindow(input),
                                  .order = ReadOrder(input.Text("SortBy"))};
  store::PageOf<store::Fleet> fleets;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(fleets, store::ListFleets(transaction, filter, page));
    return {};
  }));
  json::Array summaries;
  for (const store::Fleet& fleet : fleets.items) {
    summaries.push_back(json::Object{{"DeviceFleetArn", context.arns.Fleet(fleet.name)},
                                     {"DeviceFleetName", fleet.name},
                                     {"CreationTime", Seconds(fleet.created)},
                                     {"LastModifiedTime", Seconds(fleet.modified)}});
  }
  json::Object answer{{"DeviceFleetSummaries", std::move(summaries)}};
  SetNextToken(answer, call.operation, fleets.next);
  return json::Value(std::move(answer));
}

Result<json::Value> DeleteDeviceFleet(const Context& context, const Call& call) {
  const std::string name = call.input().Text("DeviceFleetName");
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const store::Fleet fleet, NeedFleet(transaction, name));
    KEDGE_TRY(const bool has_devices, store::FleetHasDevices(transaction, name));
    if (has_devices) return FailedPrecondition("Fleet " + name + " has registered devices");
    KEDGE_TRY(const bool has_plans, store::FleetHasPlans(transaction, name));
    if (has_plans) return FailedPrecondition("Fleet " + name + " has deployment plans");
    KEDGE_TRY([[maybe_unused]] const bool deleted, store::DeleteFleet(transaction, name));
    KEDGE_TRY_STATUS(
        AddFleetEvent(context, transaction, call, store::EventKind::kFleetDeleted, name));
    return store::DeleteTags(transaction, context.arns.Fleet(name));
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return json::Value();
}

}  // namespace

void AddDeviceFleetRoutes(Router& router, const Context& context) {
  router.Add("CreateDeviceFleet",
             [&context](const Call& call) { return CreateDeviceFleet(context, call); });
  router.Add("UpdateDeviceFleet",
             [&context](const Call& call) { return UpdateDeviceFleet(context, call); });
  router.Add("DescribeDeviceFleet",
             [&context](const Call& call) { return DescribeDeviceFleet(context, call); });
  router.Add("ListDeviceFleets",
             [&context](const Call& call) { return ListDeviceFleets(context, call); });
  router.Add("DeleteDeviceFleet",
             [&context](const Call& call) { return DeleteDeviceFleet(context, call); });
}

}  // namespace kedge::server
