// Deployment plans and their stages.
// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <set>

#include "base/crypto/crypto.h"
#include "server/api/context.h"
#include "server/api/lookup.h"
#include "server/api/paging.h"
#include "server/api/registry.h"
#include "server/api/rollout.h"
#include "server/api/stage_advance.h"
#include "server/api/wire.h"

namespace kedge::server {
namespace {

constexpr int64_t kStagesOfPlanMax = 50;
constexpr int64_t kStagesOfPageMax = 10;

// What the description cannot say: each way to select needs its own member.
Status CheckSelection(const Input& stage) {
  const json::Value* config = stage.Find("DeviceSelectionConfig");
  const Input selection(*config);
  const std::string type = selection.Text("DeviceSubsetType");
  const std::string where = "Stage " + stage.Text("StageName") + ": ";
  if (type == "PERCENTAGE" && selection.Find("Percentage") == nullptr) {
    return InvalidArgument(where + "DeviceSubsetType PERCENTAGE needs Percentage");
  }
  if (type == "SELECTION" && selection.List("DeviceNames").empty()) {
    return InvalidArgument(where + "DeviceSubsetType SELECTION needs DeviceNames");
  }
  if (type == "NAMECONTAINS" && selection.Find("DeviceNameContains") == nullptr) {
    return InvalidArgument(where + "DeviceSubsetType NAMECONTAINS needs DeviceNameContains");
  }
  return {};
}

// Appends stages after those the plan has.
Status AddStages(store::Transaction& transaction, const std::string& plan, const Input& input) {
  KEDGE_TRY(const auto existing, store::ListStages(transaction, plan, 0, kStagesOfPlanMax));
  size_t count = existing.size();
  int64_t position = existing.empty() ? 0 : existing.back().position + 1;
  for (const json::Value& item : input.List("Stages")) {
    const Input stage(item);
    KEDGE_TRY_STATUS(CheckSelection(stage));
    if (count++ == kStagesOfPlanMax) {
      return OutOfRange("plan " + plan + " has " + std::to_string(kStagesOfPlanMax) +
                        " stages, the most there may be");
    }
    const json::Value* config = stage.Find("DeploymentConfig");
    const Status status = store::InsertStage(
        transaction, {.plan = plan,
                      .name = stage.Text("StageName"),
                      .position = position++,
                      .selection = stage.JsonText("DeviceSelectionConfig"),
                      .policy = config == nullptr ? "ROLLBACK_ON_FAILURE"
                                                  : Input(*config).Text("FailureHandlingPolicy"),
                      .status = std::string(fleet::Name(fleet::StageStatus::kReadyToDeploy))});
    if (!status && status.error().code == Code::kAlreadyExists) {
      return AlreadyExists("Stage with name " + stage.Text("StageName") +
                           " already exists in plan " + plan);
    }
    KEDGE_TRY_STATUS(status);
  }
  return {};
}

Status CheckModelConfigs(store::Transaction& transaction, const Input& input) {
  std::set<std::string> handles;
  for (const json::Value& config : input.List("ModelConfigs")) {
    const std::string handle = Input(config).Text("ModelHandle");
    if (!handles.insert(handle).second) {
      return InvalidArgument("ModelHandle " + handle + " is given twice");
    }
    const auto job = NeedPackagingJob(transaction, Input(config).Text("EdgePackagingJobName"));
    if (!job) return job.error();
  }
  return {};
}

std::vector<std::string> PackagingJobsOf(const Input& input) {
  std::vector<std::string> jobs;
  for (const json::Value& config : input.List("ModelConfigs")) {
    jobs.push_back(Input(config).Text("EdgePackagingJobName"));
  }
  return jobs;
}

Result<json::Value> CreateEdgeDeploymentPlan(const Context& context, const Call& call) {
  const Input input = call.input();
  const std::string name = input.Text("EdgeDeploymentPlanName");
  const EpochMs now = context.clock.NowMs();
  const store::Plan plan{.name = name,
                         .fleet = input.Text("DeviceFleetName"),
                         .model_configs = input.JsonText("ModelConfigs"),
                         .chance = HexEncode(crypto::RandomBytes(16)),
                         .created = now,
                         .modified = now};
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto found, store::FindPlan(transaction, name));
    if (found) return AlreadyExists("Edge deployment plan with name " + name + " already exists");
    KEDGE_TRY([[maybe_unused]] const auto fleet, NeedFleet(transaction, plan.fleet));
    KEDGE_TRY_STATUS(CheckModelConfigs(transaction, input));
    KEDGE_TRY_STATUS(
        CheckQuotaOfTable(transaction, "deployment_plans", context.quotas.plans, "plans"));
    KEDGE_TRY_STATUS(store::InsertPlan(transaction, plan));
    KEDGE_TRY_STATUS(AddStages(transaction, name, input));
    KEDGE_TRY_STATUS(RegisterPlan(transaction, name, PackagingJobsOf(input), now));
    return PutTags(transaction, input, context.arns.Plan(name));
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return json::Value(json::Object{{"EdgeDeploymentPlanArn", context.arns.Plan(name)}});
}

Result<json::Value> CreateEdgeDeploymentStage(const Context& context, const Call& call) {
  const Input input = call.input();
  const std::string name = input.Text("EdgeDeploymentPlanName");
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const auto plan, NeedPlan(transaction, name));
    KEDGE_TRY_STATUS(AddStages(transaction, name, input));
    return store::TouchPlan(transaction, name, context.clock.NowMs());
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return json::Value();
}

Result<json::Value> StageSummary(const store::Stage& stage) {
  KEDGE_TRY(const fleet::Stage state, StateOf(stage));
  json::Object status{
      {"StageStatus", stage.status},
      {"EdgeDeploymentSuccessInStage", stage.deployed},
      {"EdgeDeploymentPendingInStage", stage.pending},
      {"EdgeDeploymentFailedInStage", stage.failed},
      {"EdgeDeploymentStatusMessage", fleet::StageMessage(state.status, state.counts)}};
  if (stage.started) status.Set("EdgeDeploymentStageStartTime", Seconds(*stage.started));
  return json::Value(
      json::Object{{"StageName", stage.name},
                   {"DeviceSelectionConfig", FromText(stage.selection)},
                   {"DeploymentConfig", json::Object{{"FailureHandlingPolicy", stage.policy}}},
                   {"DeploymentStatus", std::move(status)}});
}

void SetCounts(json::Object& object, const std::vector<store::Stage>& stages) {
  fleet::Counts sum;
  for (const store::Stage& stage : stages) {
    sum.deployed += stage.deployed;
    sum.pending += stage.pending;
    sum.failed += stage.failed;
  }
  object.Set("EdgeDeploymentSuccess", sum.deployed);
  object.Set("EdgeDeploymentPending", sum.pending);
  object.Set("EdgeDeploymentFailed", sum.failed);
}

// The page's first stage: a token is the position as the name of a cursor.
Result<size_t> FirstStage(const store::Page& page) {
  if (!page.after) return size_t{0};
  size_t position = 0;
  const std::string& text = page.after->name;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), position);
  if (error != std::errc() || end != text.data() + text.size()) {
    return InvalidArgument("NextToken is not one that DescribeEdgeDeploymentPlan gave");
  }
  return position;
}

Result<json::Value> DescribeEdgeDeploymentPlan(const Context& context, const Call& call) {
  const Input input = call.input();
  KEDGE_TRY(const store::Page page, ReadPage(input, call.operation));
  KEDGE_TRY(const size_t first, FirstStage(page));
  store::Plan plan;
  std::vector<store::Stage> stages;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(plan, NeedPlan(transaction, input.Text("EdgeDeploymentPlanName")));
    KEDGE_TRY(stages, store::ListStages(transaction, plan.name, 0, kStagesOfPlanMax));
    return {};
  }));
  const auto shown = static_cast<size_t>(input.Integer("MaxResults", kStagesOfPageMax));
  json::Array summaries;
  for (size_t i = first; i < stages.size() && summaries.size() < shown; ++i) {
    KEDGE_TRY(json::Value summary, StageSummary(stages[i]));
    summaries.push_back(std::move(summary));
  }
  const size_t next = first + summaries.size();
  json::Object answer{{"EdgeDeploymentPlanArn", context.arns.Plan(plan.name)},
                      {"EdgeDeploymentPlanName", plan.name},
                      {"ModelConfigs", FromText(plan.model_configs)},
                      {"DeviceFleetName", plan.fleet},
                      {"Stages", std::move(summaries)},
                      {"CreationTime", Seconds(plan.created)},
                      {"LastModifiedTime", Seconds(plan.modified)}};
  SetCounts(answer, stages);
  if (next < stages.size()) {
    SetNextToken(answer, call.operation,
                 store::Cursor{.sort_value = int64_t{0}, .name = std::to_string(next)});
  }
  return json::Value(std::move(answer));
}

store::PlanOrder ReadOrder(const std::string& sort_by) {
  if (sort_by == "NAME") return store::PlanOrder::kName;
  if (sort_by == "DEVICE_FLEET_NAME") return store::PlanOrder::kFleet;
  if (sort_by == "LAST_MODIFIED_TIME") return store::PlanOrder::kModified;
  return store::PlanOrder::kCreated;
}

Result<json::Value> ListEdgeDeploymentPlans(const Context& context, const Call& call) {
  const Input input = call.input();
  KEDGE_TRY(const store::Page page, ReadPage(input, call.operation));
  const store::PlanFilter filter{.visible_fleets = call.identity.fleets,
                                 .name_contains = input.TextOrNone("NameContains"),
                                 .fleet_contains = input.TextOrNone("DeviceFleetNameContains"),
                                 .window = ReadWindow(input),
                                 .order = ReadOrder(input.Text("SortBy"))};
  json::Array summaries;
  std::optional<store::Cursor> next;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto plans, store::ListPlans(transaction, filter, page));
    for (const store::Plan& plan : plans.items) {
      KEDGE_TRY(const auto stages, store::ListStages(transaction, plan.name, 0, kStagesOfPlanMax));
      json::Object summary{{"EdgeDeploymentPlanArn", context.arns.Plan(plan.name)},
                           {"EdgeDeploymentPlanName", plan.name},
                           {"DeviceFleetName", plan.fleet},
                           {"CreationTime", Seconds(plan.created)},
                           {"LastModifiedTime", Seconds(plan.modified)}};
      SetCounts(summary, stages);
      summaries.push_back(std::move(summary));
    }
    next = plans.next;
    return {};
  }));
  json::Object answer{{"EdgeDeploymentPlanSummaries", std::move(summaries)}};
  SetNextToken(answer, call.operation, next);
  return json::Value(std::move(answer));
}

// The plan and the stage that a call names.
struct Named {
  store::Plan plan;
  store::Stage stage;
};
Result<Named> NeedNamed(store::Transaction& transaction, const Input& input) {
  Named named;
  KEDGE_TRY(named.plan, NeedPlan(transaction, input.Text("EdgeDeploymentPlanName")));
  KEDGE_TRY(named.stage, NeedStage(transaction, named.plan.name, input.Text("StageName")));
  return named;
}

Result<json::Value> StartEdgeDeploymentStage(const Context& context, const Call& call) {
  const Input input = call.input();
  // Looking for devices may take long in a large fleet, so it does not hold up the writes.
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const Named named, NeedNamed(transaction, input));
    return CheckSelectsSomebody(transaction, named.plan, named.stage);
  }));
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const Named named, NeedNamed(transaction, input));
    const EpochMs now = context.clock.NowMs();
    KEDGE_TRY_STATUS(StartStage(transaction, named.plan, named.stage, now));
    return store::TouchPlan(transaction, named.plan.name, now);
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  context.store.Notify(kStagesChannel);
  return json::Value();
}

Result<json::Value> StopEdgeDeploymentStage(const Context& context, const Call& call) {
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const Named named, NeedNamed(transaction, call.input()));
    const EpochMs now = context.clock.NowMs();
    KEDGE_TRY_STATUS(StopStage(transaction, named.plan, named.stage, now));
    return store::TouchPlan(transaction, named.plan.name, now);
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  context.store.Notify(kStagesChannel);
  return json::Value();
}

// Removes an inactive stage, in transactions of a bounded number of devices: one that is broken off
// leaves a stage that can be deleted again.
Status DeleteInactiveStage(const Context& context, const std::string& plan,
                           const std::string& name) {
  bool deleted = false;
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto stage, NeedStage(transaction, plan, name));
    KEDGE_TRY(const fleet::Stage state, StateOf(stage));
    if (!fleet::IsInactive(state.status)) {
      return FailedPrecondition("Stage " + name + " of plan " + plan + " is " + stage.status +
                                " and must be stopped first");
    }
    KEDGE_TRY(const int64_t devices,
              store::DeleteStageDevices(transaction, plan, name, kAdvanceDevicesMax));
    if (devices == kAdvanceDevicesMax) return {};
    deleted = true;
    return store::DeleteStage(transaction, plan, name);
  };
  while (!deleted) KEDGE_TRY_STATUS(context.store.Write(work));
  return {};
}

Result<json::Value> DeleteEdgeDeploymentStage(const Context& context, const Call& call) {
  const Input input = call.input();
  const std::string plan = input.Text("EdgeDeploymentPlanName");
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const Named named, NeedNamed(transaction, input));
    return {};
  }));
  KEDGE_TRY_STATUS(DeleteInactiveStage(context, plan, input.Text("StageName")));
  KEDGE_TRY_STATUS(call.Write(context.store, [&](store::Transaction& transaction) {
    return store::TouchPlan(transaction, plan, context.clock.NowMs());
  }));
  return json::Value();
}

Result<json::Value> DeleteEdgeDeploymentPlan(const Context& context, const Call& call) {
  const std::string name = call.input().Text("EdgeDeploymentPlanName");
  std::vector<store::Stage> stages;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const auto plan, NeedPlan(transaction, name));
    KEDGE_TRY(stages, store::ListStages(transaction, name, 0, kStagesOfPlanMax));
    for (const store::Stage& stage : stages) {
      KEDGE_TRY(const fleet::Stage state, StateOf(stage));
      if (fleet::IsInactive(state.status)) continue;
      return FailedPrecondition("Edge deployment plan " + name + " has the active stage " +
                                stage.name + " (" + stage.status + ")");
    }
    return {};
  }));
  for (const store::Stage& stage : stages) {
    KEDGE_TRY_STATUS(DeleteInactiveStage(context, name, stage.name));
  }
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto added, store::ListStages(transaction, name, 0, 1));
    if (!added.empty()) {
      return FailedPrecondition("Edge deployment plan " + name + " was given the stage " +
                                added[0].name + " meanwhile");
    }
    KEDGE_TRY_STATUS(store::DeleteTags(transaction, context.arns.Plan(name)));
    return store::DeletePlan(transaction, name);
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return json::Value();
}

Result<json::Value> ListStageDevices(const Context& context, const Call& call) {
  const Input input = call.input();
  KEDGE_TRY(const store::Page page, ReadPage(input, call.operation));
  const store::StageDeviceFilter filter{
      .plan = input.Text("EdgeDeploymentPlanName"),
      .stage = input.Text("StageName"),
      .exclude_deployed_elsewhere = input.Flag("ExcludeDevicesDeployedInOtherStage")};
  store::StageDevicePage devices;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const auto plan, NeedPlan(transaction, filter.plan));
    KEDGE_TRY([[maybe_unused]] const auto stage, NeedStage(transaction, filter.plan, filter.stage));
    KEDGE_TRY(devices, store::ListStageDevices(transaction, filter, page));
    return {};
  }));
  json::Array summaries;
  for (size_t i = 0; i < devices.page.items.size(); ++i) {
    const store::StageDevice& device = devices.page.items[i];
    json::Object summary{{"EdgeDeploymentPlanArn", context.arns.Plan(device.plan)},
                         {"EdgeDeploymentPlanName", device.plan},
                         {"StageName", device.stage},
                         {"DeviceFleetName", device.fleet},
                         {"DeviceName", device.device},
                         {"DeviceArn", context.arns.Device(device.fleet, device.device)},
                         {"DeviceDeploymentStatus", device.status},
                         {"DeviceDeploymentStatusMessage", device.message},
                         {"DeploymentStartTime", Seconds(device.started)}};
    if (device.status == "DEPLOYED") summary.Set("DeployedStageName", device.stage);
    SetIf(summary, "DeployedStageName", devices.elsewhere[i]);
    summaries.push_back(std::move(summary));
  }
  json::Object answer{{"DeviceDeploymentSummaries", std::move(summaries)}};
  SetNextToken(answer, call.operation, devices.page.next);
  return json::Value(std::move(answer));
}

}  // namespace

void AddDeploymentRoutes(Router& router, const Context& context) {
  using Function = Result<json::Value> (*)(const Context&, const Call&);
  constexpr std::pair<const char*, Function> kRoutes[] = {
      {"CreateEdgeDeploymentPlan", CreateEdgeDeploymentPlan},
      {"DescribeEdgeDeploymentPlan", DescribeEdgeDeploymentPlan},
      {"ListEdgeDeploymentPlans", ListEdgeDeploymentPlans},
      {"CreateEdgeDeploymentStage", CreateEdgeDeploymentStage},
      {"StartEdgeDeploymentStage", StartEdgeDeploymentStage},
      {"StopEdgeDeploymentStage", StopEdgeDeploymentStage},
      {"DeleteEdgeDeploymentStage", DeleteEdgeDeploymentStage},
      {"DeleteEdgeDeploymentPlan", DeleteEdgeDeploymentPlan},
      {"ListStageDevices", ListStageDevices},
  };
  for (const auto& route : kRoutes) {
    router.Add(route.first, [&context, handle = route.second](const Call& call) {
      return handle(context, call);
    });
  }
}

}  // namespace kedge::server
