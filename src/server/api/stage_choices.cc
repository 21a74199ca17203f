// Why each device of a stage is in it, which AWS's ListStageDevices has no members for.
// SPDX-License-Identifier: Apache-2.0
#include "server/api/context.h"
#include "server/api/lookup.h"
#include "server/api/paging.h"
#include "server/api/wire.h"
#include "store/tables/deployments.h"

namespace kedge::server {
namespace {

Result<json::Value> ListStageChoices(const Context& context, const Call& call) {
  const Input input = call.input();
  KEDGE_TRY(const store::Page page, ReadPage(input, call.operation));
  const store::StageDeviceFilter filter{.plan = input.Text("EdgeDeploymentPlanName"),
                                        .stage = input.Text("StageName")};
  store::StageDevicePage devices;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const auto plan, NeedPlan(transaction, filter.plan));
    KEDGE_TRY([[maybe_unused]] const auto stage, NeedStage(transaction, filter.plan, filter.stage));
    KEDGE_TRY(devices, store::ListStageDevices(transaction, filter, page));
    return {};
  }));
  json::Array choices;
  for (const store::StageDevice& device : devices.page.items) {
    json::Object choice{{"DeviceFleetName", device.fleet},
                        {"DeviceName", device.device},
                        {"DeviceDeploymentStatus", device.status},
                        {"Reason", device.reason}};
    SetIf(choice, "ControlDeviceName", device.control_peer);
    choices.push_back(std::move(choice));
  }
  json::Object answer{{"StageChoices", std::move(choices)}};
  SetNextToken(answer, call.operation, devices.page.next);
  return json::Value(std::move(answer));
}

}  // namespace

void AddStageChoiceRoutes(Router& router, const Context& context) {
  router.Add("ListStageChoices",
             [&context](const Call& call) { return ListStageChoices(context, call); });
}

}  // namespace kedge::server
