// SPDX-License-Identifier: Apache-2.0
#include "server/api/rollout.h"

#include <map>
#include <set>

#include "base/crypto/crypto.h"
#include "server/api/input.h"
#include "server/api/lookup.h"
#include "server/api/stage_advance.h"
#include "store/tables/desired_models.h"

namespace kedge::server {
namespace {

constexpr size_t kPlanCharactersMax = 46;  // of a deployment name of at most 63 characters
constexpr int kAdvancesOfRequestMax = 8;   // the rest is the loop's

// Readable, unique per start, and of entity-name shape: "<plan>-<16 hexadecimal characters>".
std::string DeploymentName(const store::Stage& stage, int64_t start_number) {
  const std::string digest = crypto::Sha256Hex(
      AsBytes(stage.plan + "/" + stage.name + "/" + std::to_string(start_number)));
  std::string prefix = stage.plan.substr(0, kPlanCharactersMax);
  while (prefix.back() == '-') prefix.pop_back();
  return prefix + "-" + digest.substr(0, 16);
}

Status CopyDefinitions(store::Transaction& transaction, const store::Plan& plan,
                       const store::Stage& stage) {
  const json::Value configs = FromText(plan.model_configs);
  for (const json::Value& config : *configs.AsArray()) {
    const std::string name = Input(config).Text("EdgePackagingJobName");
    const auto job = NeedPackagingJob(transaction, name);
    if (!job) return job.error();
    if (job->status != store::kJobCompleted) {
      return InvalidArgument("edge packaging job " + name + " is " + job->status +
                             ", must be COMPLETED");
    }
    KEDGE_TRY_STATUS(store::InsertDefinition(transaction, *stage.deployment_name,
                                             {.model_handle = Input(config).Text("ModelHandle"),
                                              .uri = job->artifact_uri,
                                              .sha1 = job->artifact_sha1,
                                              .policy = stage.policy}));
  }
  return {};
}

// Advances a stage to its end if that is a bounded piece of work.
Status AdvanceInRequest(store::Transaction& transaction, const store::Plan& plan,
                        store::Stage stage, StageFleet fleet, EpochMs now) {
  const std::string end(fleet::Name(fleet::Phase::kNone));
  for (int i = 0; i < kAdvancesOfRequestMax && stage.phase != end; ++i) {
    KEDGE_TRY(stage, AdvanceStage(transaction, plan, stage, fleet, {.now = now}));
  }
  return {};
}

Error Refused(const store::Stage& stage, const Error& error) {
  return InvalidArgument("Stage " + stage.name + " " + error.message);
}

Error MovedMeanwhile(const store::Stage& stage) {
  return Unavailable("stage '" + stage.name + "' of plan '" + stage.plan +
                     "' was changed by somebody else");
}

// One device of the stage that a deployment belongs to goes on by the rule `next`.
Status MoveDevice(
    store::Transaction& transaction, const store::Stage& stage, const std::string& fleet,
    const std::string& device,
    const std::function<std::optional<fleet::DeviceStatus>(fleet::DeviceStatus)>& next,
    const std::string& message) {
  KEDGE_TRY(auto row, store::FindStageDevice(transaction, stage.plan, stage.name, device));
  if (!row || row->fleet != fleet) return {};
  KEDGE_TRY(const fleet::DeviceStatus from, fleet::ParseDeviceStatus(row->status));
  const auto to = next(from);
  if (!to) return {};
  row->status = fleet::Name(*to);
  row->message = message;
  KEDGE_TRY(const bool moved,
            store::MoveStageDevice(transaction, *row, std::string(fleet::Name(from))));
  if (!moved) return Unavailable("device '" + device + "' was changed meanwhile; try again");
  return AddCounts(transaction, stage.plan, stage.name, CountOf(*to) - CountOf(from));
}

// Which handles a result speaks of, and how they did.
std::map<std::string, bool> OutcomesOf(const protocol::DeploymentResult& result,
                                       const std::vector<store::DefinitionRow>& definitions) {
  std::map<std::string, bool> outcomes;
  for (const protocol::DeploymentModel& model : result.models) {
    outcomes[model.model_handle] = model.succeeded;
  }
  // A device that failed before it knew of any model.
  if (outcomes.empty()) {
    for (const store::DefinitionRow& row : definitions) outcomes[row.model_handle] = false;
  }
  return outcomes;
}

Status ChangeDesiredByResult(store::Transaction& transaction,
                             const protocol::DeviceIdentity& device,
                             const protocol::DeploymentResult& result,
                             const std::optional<store::Stage>& stage) {
  KEDGE_TRY(const auto definitions, store::Definitions(transaction, result.deployment_name));
  KEDGE_TRY(const auto rows,
            store::DesiredModels(transaction, device.device_fleet_name, device.device_name));
  const std::map<std::string, bool> outcomes = OutcomesOf(result, definitions);
  std::vector<store::DesiredChange> changes;
  for (const store::DefinitionRow& definition : definitions) {
    const auto outcome = outcomes.find(definition.model_handle);
    if (outcome == outcomes.end()) continue;
    fleet::Desired before;
    for (const store::DesiredRow& row : rows) {
      if (row.model_handle == definition.model_handle) before = row.model;
    }
    fleet::Deployment deployment{.name = result.deployment_name};
    if (before && before->current.name == deployment.name) {
      deployment = before->current;
    } else if (before && before->former && before->former->name == deployment.name) {
      deployment = *before->former;
    } else if (stage) {
      deployment.number = *stage->start_number;
    } else {
      continue;  // neither its stage nor this device refers to it any more
    }
    fleet::Desired after =
        outcome->second ? fleet::AfterSuccess(before, deployment)
                        : fleet::AfterFailure(before, deployment, RollsBack(definition.policy));
    changes.push_back({.device = device.device_name,
                       .model_handle = definition.model_handle,
                       .before = std::move(before),
                       .after = std::move(after)});
  }
  return store::ChangeDesired(transaction, device.device_fleet_name, changes);
}

}  // namespace

Status CheckSelectsSomebody(store::Transaction& transaction, const store::Plan& plan,
                            const store::Stage& stage) {
  const fleet::Selection selection = SelectionOf(stage);
  bool anybody = false;
  switch (selection.kind) {
    case fleet::Selection::Kind::kSelection:
      for (const std::string& name : selection.names) {
        KEDGE_TRY(const auto device, store::FindDevice(transaction, plan.fleet, name));
        if (!device) {
          return InvalidArgument("no device with name '" + name + "' in the fleet");
        }
      }
      anybody = !selection.names.empty();
      break;
    case fleet::Selection::Kind::kPercentage: {
      KEDGE_TRY(const auto first, store::FleetDevices(transaction, plan.fleet, "", 1));
      anybody = selection.percentage > 0 && !first.empty();
      break;
    }
    case fleet::Selection::Kind::kNameContains: {
      KEDGE_TRY(anybody, store::AnyDeviceNamed(transaction, plan.fleet, selection.contains));
      break;
    }
  }
  if (anybody) return {};
  return InvalidArgument("Stage " + stage.name + " selects no device of fleet " + plan.fleet);
}

Status StartStage(store::Transaction& transaction, const store::Plan& plan, store::Stage stage,
                  EpochMs now) {
  KEDGE_TRY(const fleet::Stage before, StateOf(stage));
  const auto after = fleet::AfterStart(before);
  if (!after) return Refused(stage, after.error());
  SetState(stage, *after);
  stage.started = now;
  stage.draw_limit.clear();
  KEDGE_TRY(stage.start_number, store::NextStartNumber(transaction));
  stage.deployment_name = DeploymentName(stage, *stage.start_number);
  KEDGE_TRY_STATUS(CopyDefinitions(transaction, plan, stage));
  KEDGE_TRY(const bool started, store::StartStageRow(transaction, stage, before.step));
  if (!started) return MovedMeanwhile(stage);
  KEDGE_TRY(auto names, FleetNames(transaction, plan.fleet, kAdvanceDevicesMax));
  if (!names) return {};
  return AdvanceInRequest(transaction, plan, stage, {.names = std::move(*names)}, now);
}

Status StopStage(store::Transaction& transaction, const store::Plan& plan, store::Stage stage,
                 EpochMs now) {
  KEDGE_TRY(const fleet::Stage before, StateOf(stage));
  const auto after = fleet::AfterStop(before);
  if (!after) return Refused(stage, after.error());
  SetState(stage, *after);
  KEDGE_TRY(const bool stopping, store::AdvanceStageRow(transaction, stage, before.step, {}));
  if (!stopping) return MovedMeanwhile(stage);
  if (before.counts.pending > kAdvanceDevicesMax) return {};
  return AdvanceInRequest(transaction, plan, stage, {}, now);
}

Status PickUp(store::Transaction& transaction, const std::string& fleet,
              const std::string& device) {
  KEDGE_TRY(auto rows, store::DesiredModels(transaction, fleet, device));
  std::vector<store::DesiredChange> changes;
  std::set<std::string> taken;
  for (store::DesiredRow& row : rows) {
    fleet::Desired after = fleet::AfterTaken(row.model);
    if (after == row.model) continue;
    taken.insert(row.model.current.name);
    changes.push_back({.device = device,
                       .model_handle = row.model_handle,
                       .before = std::move(row.model),
                       .after = std::move(after)});
  }
  KEDGE_TRY_STATUS(store::ChangeDesired(transaction, fleet, changes));
  for (const std::string& deployment : taken) {
    KEDGE_TRY(const auto stage, store::FindStageOfDeployment(transaction, deployment));
    if (!stage) continue;
    KEDGE_TRY_STATUS(MoveDevice(transaction, *stage, fleet, device, fleet::AfterPickup, ""));
  }
  return {};
}

Status RecordResult(store::Transaction& transaction, const protocol::DeviceIdentity& device,
                    const protocol::DeploymentResult& result) {
  KEDGE_TRY(const auto stage, store::FindStageOfDeployment(transaction, result.deployment_name));
  KEDGE_TRY_STATUS(ChangeDesiredByResult(transaction, device, result, stage));
  if (!stage) return {};
  bool succeeded = !result.models.empty();
  std::string message = result.deployment_status_message;
  for (const protocol::DeploymentModel& model : result.models) {
    succeeded = succeeded && model.succeeded;
    if (message.empty()) message = model.status_reason;
  }
  const auto next = [succeeded](fleet::DeviceStatus status) {
    return fleet::AfterResult(status, succeeded);
  };
  return MoveDevice(transaction, *stage, device.device_fleet_name, device.device_name, next,
                    message);
}

Status LeaveDeployments(store::Transaction& transaction, const std::string& fleet,
                        const std::string& device) {
  KEDGE_TRY(auto rows, store::DesiredModels(transaction, fleet, device));
  std::vector<store::DesiredChange> changes;
  std::set<std::string> pending;
  for (store::DesiredRow& row : rows) {
    if (fleet::IsPending(row.model, row.model.current.name)) {
      pending.insert(row.model.current.name);
    }
    changes.push_back(
        {.device = device, .model_handle = row.model_handle, .before = std::move(row.model)});
  }
  KEDGE_TRY_STATUS(store::ChangeDesired(transaction, fleet, changes));
  for (const std::string& deployment : pending) {
    KEDGE_TRY(const auto stage, store::FindStageOfDeployment(transaction, deployment));
    if (!stage) continue;
    KEDGE_TRY_STATUS(
        StopDevices(transaction, *stage, std::vector{device}, "the device was deregistered"));
  }
  return {};
}

}  // namespace kedge::server
