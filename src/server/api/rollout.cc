// SPDX-License-Identifier: Apache-2.0
#include "server/api/rollout.h"

#include "base/crypto/crypto.h"
#include "fleet/rollout.h"
#include "server/api/input.h"
#include "server/api/lookup.h"

namespace kedge::server {
namespace {

constexpr size_t kPlanCharactersMax = 46;  // of a deployment name of at most 63 characters

fleet::Counts CountsOf(const store::Stage& stage) {
  return {.pending = stage.pending, .deployed = stage.deployed, .failed = stage.failed};
}

// Sets counts, state and message together.
Status SaveStage(store::Transaction& transaction, store::Stage& stage, fleet::StageStatus status,
                 const fleet::Counts& counts) {
  stage.status = fleet::Name(status);
  stage.message = fleet::StageMessage(status, counts);
  stage.pending = counts.pending;
  stage.deployed = counts.deployed;
  stage.failed = counts.failed;
  return store::UpdateStage(transaction, stage);
}

// Moves one device of a stage and follows with the stage.
Status MoveDevice(store::Transaction& transaction, store::Stage& stage, store::StageDevice device,
                  fleet::DeviceStatus to, std::string message) {
  KEDGE_TRY(const fleet::DeviceStatus from, fleet::ParseDeviceStatus(device.status));
  KEDGE_TRY(const fleet::StageStatus status, fleet::ParseStageStatus(stage.status));
  device.status = fleet::Name(to);
  device.message = std::move(message);
  KEDGE_TRY_STATUS(store::UpdateStageDevice(transaction, device));
  const fleet::Counts counts = fleet::Moved(CountsOf(stage), from, to);
  return SaveStage(transaction, stage, fleet::StageAfter(status, counts), counts);
}

fleet::Selection ReadSelection(const std::string& text) {
  const json::Value value = FromText(text);
  const Input input(value);
  const std::string type = input.Text("DeviceSubsetType");
  fleet::Selection selection;
  selection.kind = type == "PERCENTAGE"     ? fleet::Selection::Kind::kPercentage
                   : type == "NAMECONTAINS" ? fleet::Selection::Kind::kNameContains
                                            : fleet::Selection::Kind::kSelection;
  selection.percentage = input.Integer("Percentage", 0);
  selection.names = input.Texts("DeviceNames");
  selection.contains = input.Text("DeviceNameContains");
  return selection;
}

// Readable, unique per start, and of entity-name shape: "<plan>-<16 hexadecimal characters>".
std::string DeploymentName(const store::Stage& stage, int64_t start_number) {
  const std::string digest = crypto::Sha256Hex(
      AsBytes(stage.plan + "/" + stage.name + "/" + std::to_string(start_number)));
  std::string prefix = stage.plan.substr(0, kPlanCharactersMax);
  while (prefix.back() == '-') prefix.pop_back();
  return prefix + "-" + digest.substr(0, 16);
}

Status CopyDefinitions(store::Transaction& transaction, const store::Plan& plan,
                       const std::string& deployment_name) {
  const json::Value configs = FromText(plan.model_configs);
  for (const json::Value& config : *configs.AsArray()) {
    const std::string name = Input(config).Text("EdgePackagingJobName");
    const auto job = NeedPackagingJob(transaction, name);
    if (!job) return job.error();
    if (job->status != store::kJobCompleted) {
      return InvalidArgument("edge packaging job " + name + " is " + job->status +
                             ", must be COMPLETED");
    }
    KEDGE_TRY_STATUS(store::InsertDefinition(transaction, deployment_name,
                                             {.model_handle = Input(config).Text("ModelHandle"),
                                              .uri = job->artifact_uri,
                                              .sha1 = job->artifact_sha1}));
  }
  return {};
}

Status RecordDevices(store::Transaction& transaction, const store::Stage& stage,
                     const std::string& fleet, const std::vector<fleet::Chosen>& chosen) {
  for (const fleet::Chosen& one : chosen) {
    KEDGE_TRY_STATUS(store::InsertStageDevice(
        transaction, {.plan = stage.plan,
                      .stage = stage.name,
                      .fleet = fleet,
                      .device = one.device,
                      .status = std::string(fleet::Name(fleet::DeviceStatus::kReadyToDeploy)),
                      .reason = one.reason,
                      .started = *stage.started}));
  }
  return {};
}

}  // namespace

Status StartStage(store::Transaction& transaction, const store::Plan& plan, store::Stage stage,
                  EpochMs now) {
  KEDGE_TRY(const fleet::StageStatus status, fleet::ParseStageStatus(stage.status));
  if (!fleet::MayStart(status)) {
    return InvalidArgument("Stage " + stage.name + " is " + stage.status +
                           " and cannot be started");
  }
  KEDGE_TRY(const auto devices, store::DeviceNames(transaction, plan.fleet));
  KEDGE_TRY(const auto chosen,
            fleet::SelectDevices(ReadSelection(stage.selection), devices, plan.chance));
  if (chosen.empty()) {
    return InvalidArgument("Stage " + stage.name + " selects no device of fleet " + plan.fleet);
  }
  KEDGE_TRY(const int64_t number, store::NextStartNumber(transaction));
  stage.start_number = number;
  stage.started = now;
  stage.deployment_name = DeploymentName(stage, number);
  KEDGE_TRY_STATUS(store::DeleteStageDevices(transaction, stage.plan, stage.name));
  KEDGE_TRY_STATUS(CopyDefinitions(transaction, plan, *stage.deployment_name));
  KEDGE_TRY_STATUS(RecordDevices(transaction, stage, plan.fleet, chosen));
  return SaveStage(transaction, stage, fleet::StageStatus::kInProgress,
                   {.pending = static_cast<int64_t>(chosen.size())});
}

Status StopStage(store::Transaction& transaction, store::Stage stage) {
  KEDGE_TRY(const fleet::StageStatus status, fleet::ParseStageStatus(stage.status));
  if (!fleet::MayStop(status)) {
    return InvalidArgument("Stage " + stage.name + " is " + stage.status +
                           " and cannot be stopped");
  }
  KEDGE_TRY_STATUS(
      store::StopStageDevices(transaction, stage.plan, stage.name, "the stage was stopped"));
  fleet::Counts counts = CountsOf(stage);
  counts.pending = 0;
  return SaveStage(transaction, stage, fleet::StageStatus::kStopped, counts);
}

Result<bool> AnythingToPickUp(store::Transaction& transaction, const std::string& fleet,
                              const std::string& device) {
  KEDGE_TRY(const auto assignments, store::Assignments(transaction, fleet, device));
  for (const store::Assignment& assignment : assignments) {
    KEDGE_TRY(const auto status, fleet::ParseDeviceStatus(assignment.device.status));
    if (fleet::AfterPickup(status)) return true;
  }
  return false;
}

Status PickUp(store::Transaction& transaction, const std::string& fleet,
              const std::string& device) {
  KEDGE_TRY(auto assignments, store::Assignments(transaction, fleet, device));
  for (store::Assignment& assignment : assignments) {
    KEDGE_TRY(const auto status, fleet::ParseDeviceStatus(assignment.device.status));
    const auto next = fleet::AfterPickup(status);
    if (!next) continue;
    // READYTODEPLOY and INPROGRESS are both pending: the stage's counts stay.
    assignment.device.status = fleet::Name(*next);
    KEDGE_TRY_STATUS(store::UpdateStageDevice(transaction, assignment.device));
  }
  return {};
}

Status RecordResult(store::Transaction& transaction, const protocol::DeviceIdentity& device,
                    const protocol::DeploymentResult& result) {
  KEDGE_TRY(auto stage, store::FindStageOfDeployment(transaction, result.deployment_name));
  if (!stage) return {};
  KEDGE_TRY(const auto row,
            store::FindStageDevice(transaction, stage->plan, stage->name, device.device_name));
  if (!row || row->fleet != device.device_fleet_name) return {};
  bool succeeded = !result.models.empty();
  std::string message = result.deployment_status_message;
  for (const protocol::DeploymentModel& model : result.models) {
    succeeded = succeeded && model.succeeded;
    if (message.empty()) message = model.status_reason;
  }
  KEDGE_TRY(const auto status, fleet::ParseDeviceStatus(row->status));
  const auto next = fleet::AfterResult(status, succeeded);
  if (!next) return {};
  return MoveDevice(transaction, *stage, *row, *next, message);
}

Status LeaveDeployments(store::Transaction& transaction, const std::string& fleet,
                        const std::string& device) {
  KEDGE_TRY(const auto assignments, store::Assignments(transaction, fleet, device));
  for (const store::Assignment& assignment : assignments) {
    KEDGE_TRY(const auto status, fleet::ParseDeviceStatus(assignment.device.status));
    const auto next = fleet::AfterStop(status);
    if (!next) continue;
    KEDGE_TRY(auto stage,
              store::FindStage(transaction, assignment.device.plan, assignment.device.stage));
    if (!stage) continue;
    KEDGE_TRY_STATUS(
        MoveDevice(transaction, *stage, assignment.device, *next, "the device was deregistered"));
  }
  return {};
}

}  // namespace kedge::server
