// SPDX-License-Identifier: Apache-2.0
#include "server/api/stage_advance.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/log.h"
#include "store/tables/desired_models.h"

namespace kedge::server {
namespace {

constexpr int64_t kNamesOfPageMax = 10'000;
constexpr int64_t kMovingStagesMax = 8;        // looked at in one step
constexpr EpochMs kCollectPeriodMs = 60'000;   // between two removals of unused deployments
constexpr size_t kNamesOfOneRangeMax = 4'000;  // whose desired models are read by one statement

constexpr std::string_view kSuperseded = "a newer deployment took over";

using DesiredOfDevice = std::map<std::string, fleet::Desired>;  // by handle
using DesiredOfDevices = std::map<std::string, DesiredOfDevice>;

// What the devices have now, of all handles.
Result<DesiredOfDevices> ReadDesired(store::Transaction& transaction, const std::string& fleet,
                                     const std::vector<fleet::Chosen>& chosen,
                                     const StageFleet& names) {
  DesiredOfDevices desired;
  const auto add = [&](std::vector<store::DesiredRow> rows) {
    for (store::DesiredRow& row : rows) {
      desired[row.device][row.model_handle] = std::move(row.model);
    }
  };
  const std::string& first = chosen.front().device;
  const std::string& last = chosen.back().device;
  const auto begin = std::lower_bound(names.names.begin(), names.names.end(), first);
  const auto end = std::upper_bound(begin, names.names.end(), last);
  if (static_cast<size_t>(end - begin) <= kNamesOfOneRangeMax) {
    KEDGE_TRY(auto rows, store::DesiredModelsBetween(transaction, fleet, first, last));
    add(std::move(rows));
    return desired;
  }
  for (const fleet::Chosen& one : chosen) {
    KEDGE_TRY(auto rows, store::DesiredModels(transaction, fleet, one.device));
    add(std::move(rows));
  }
  return desired;
}

std::set<std::string> PendingOf(const DesiredOfDevice& device) {
  std::set<std::string> pending;
  for (const auto& [handle, desired] : device) {
    if (desired && desired->state != fleet::DesiredState::kGood) {
      pending.insert(desired->current.name);
    }
  }
  return pending;
}

// Gives the deployment to the chosen devices. Deployments that are pending on none of their handles
// any more are stopped on those devices.
class Assignment {
 public:
  Assignment(const store::Plan& plan, const store::Stage& stage) : plan_(plan), stage_(stage) {}

  // The change of the stage's counts.
  Result<fleet::Counts> Run(store::Transaction& transaction,
                            const std::vector<fleet::Chosen>& chosen, const StageFleet& names) {
    const fleet::Deployment next{.name = *stage_.deployment_name, .number = *stage_.start_number};
    KEDGE_TRY(const auto definitions, store::Definitions(transaction, next.name));
    KEDGE_TRY(DesiredOfDevices desired, ReadDesired(transaction, plan_.fleet, chosen, names));
    for (const fleet::Chosen& one : chosen) Assign(one, definitions, next, desired[one.device]);
    KEDGE_TRY_STATUS(store::ChangeDesired(transaction, plan_.fleet, changes_));
    KEDGE_TRY_STATUS(store::InsertStageDevices(transaction, rows_));
    for (const auto& [deployment, devices] : superseded_) {
      KEDGE_TRY(const auto stage, store::FindStageOfDeployment(transaction, deployment));
      if (!stage) continue;
      KEDGE_TRY_STATUS(StopDevices(transaction, *stage, devices, std::string(kSuperseded)));
    }
    return counts_;
  }

 private:
  void Assign(const fleet::Chosen& chosen, const std::vector<store::DefinitionRow>& definitions,
              const fleet::Deployment& next, DesiredOfDevice& device) {
    const std::set<std::string> before = PendingOf(device);
    for (const store::DefinitionRow& definition : definitions) {
      fleet::Desired& desired = device[definition.model_handle];
      fleet::Desired after = fleet::AfterAssigned(desired, next);
      changes_.push_back({.device = chosen.device,
                          .model_handle = definition.model_handle,
                          .before = desired,
                          .after = after});
      desired = std::move(after);
    }
    const std::set<std::string> pending = PendingOf(device);
    for (const std::string& deployment : before) {
      if (!pending.contains(deployment)) superseded_[deployment].push_back(chosen.device);
    }
    // A newer deployment may have come first, while this stage was starting.
    const bool wanted = pending.contains(next.name);
    const auto status =
        wanted ? fleet::DeviceStatus::kReadyToDeploy : fleet::DeviceStatus::kStopped;
    counts_ = counts_ + fleet::CountOf(status);
    rows_.push_back({.plan = stage_.plan,
                     .stage = stage_.name,
                     .fleet = plan_.fleet,
                     .device = chosen.device,
                     .status = std::string(fleet::Name(status)),
                     .message = std::string(wanted ? "" : kSuperseded),
                     .reason = chosen.reason,
                     .control_peer = chosen.control_peer,
                     .started = *stage_.started});
  }

  const store::Plan& plan_;
  const store::Stage& stage_;
  fleet::Counts counts_;
  std::vector<store::DesiredChange> changes_;
  std::vector<store::StageDevice> rows_;
  std::map<std::string, std::vector<std::string>> superseded_;  // devices by deployment
};

struct Done {
  fleet::Advance advance;
  int64_t devices = 0;
};

Result<Done> Clear(store::Transaction& transaction, const store::Stage& stage) {
  KEDGE_TRY(const int64_t deleted,
            store::DeleteStageDevices(transaction, stage.plan, stage.name, kAdvanceDevicesMax));
  return Done{.advance = {.more = deleted == kAdvanceDevicesMax}, .devices = deleted};
}

Result<Done> Assign(store::Transaction& transaction, const store::Plan& plan,
                    const store::Stage& stage, const StageFleet& fleet) {
  const auto chosen = fleet.roster->After(stage.after_device, kAdvanceDevicesMax);
  if (chosen.empty()) return Done{};
  Done done{.devices = static_cast<int64_t>(chosen.size())};
  KEDGE_TRY(done.advance.change, Assignment(plan, stage).Run(transaction, chosen, fleet));
  done.advance.last = chosen.back().device;
  done.advance.more = fleet.roster->AnyAfter(done.advance.last);
  return done;
}

Result<Done> Stop(store::Transaction& transaction, const store::Plan& plan,
                  const store::Stage& stage) {
  KEDGE_TRY(const auto devices,
            store::PendingStageDevices(transaction, stage, stage.after_device, kAdvanceDevicesMax));
  if (devices.empty()) return Done{};
  const fleet::Deployment deployment{.name = *stage.deployment_name, .number = *stage.start_number};
  KEDGE_TRY(auto rows,
            store::DesiredModelsOfPending(transaction, stage, devices.front(), devices.back()));
  std::vector<store::DesiredChange> changes;
  for (store::DesiredRow& row : rows) {
    fleet::Desired after = fleet::AfterStopped(row.model, deployment);
    changes.push_back({.device = row.device,
                       .model_handle = row.model_handle,
                       .before = std::move(row.model),
                       .after = std::move(after)});
  }
  KEDGE_TRY_STATUS(store::ChangeDesired(transaction, plan.fleet, changes));
  KEDGE_TRY(const int64_t stopped,
            store::StopStageDevices(transaction, stage, devices, "the stage was stopped"));
  return Done{.advance = {.change = {.pending = -stopped},
                          .last = devices.back(),
                          .more = static_cast<int64_t>(devices.size()) == kAdvanceDevicesMax},
              .devices = stopped};
}

Result<Done> RunPhase(store::Transaction& transaction, const store::Plan& plan, store::Stage& stage,
                      fleet::Phase phase, StageFleet& fleet) {
  switch (phase) {
    case fleet::Phase::kClear:
      return Clear(transaction, stage);
    case fleet::Phase::kDraw:
      stage.draw_limit = fleet::DrawLimit(SelectionOf(stage), fleet.names, plan.chance);
      return Done{};
    case fleet::Phase::kAssign:
      if (!fleet.roster) {
        fleet.roster.emplace(SelectionOf(stage), fleet.names, plan.chance, stage.draw_limit);
      }
      return Assign(transaction, plan, stage, fleet);
    case fleet::Phase::kStop:
      return Stop(transaction, plan, stage);
    case fleet::Phase::kNone:
      break;
  }
  return Internal("stage '" + stage.name + "' of plan '" + stage.plan + "' does not move");
}

}  // namespace

Result<std::optional<std::vector<std::string>>> FleetNames(store::Transaction& transaction,
                                                           const std::string& fleet,
                                                           size_t devices_max) {
  std::vector<std::string> names;
  for (;;) {
    KEDGE_TRY(auto page, store::FleetDevices(transaction, fleet, names.empty() ? "" : names.back(),
                                             kNamesOfPageMax));
    const bool last = static_cast<int64_t>(page.size()) < kNamesOfPageMax;
    names.insert(names.end(), std::make_move_iterator(page.begin()),
                 std::make_move_iterator(page.end()));
    if (names.size() > devices_max) return std::optional<std::vector<std::string>>();
    if (!last) continue;
    std::sort(names.begin(), names.end());  // whatever order the database has
    return std::optional<std::vector<std::string>>(std::move(names));
  }
}

Result<store::Stage> AdvanceStage(store::Transaction& transaction, const store::Plan& plan,
                                  const store::Stage& stage, StageFleet& fleet,
                                  const AdvancedBy& by) {
  KEDGE_TRY(const fleet::Stage before, StateOf(stage));
  store::Stage next = stage;
  KEDGE_TRY(const Done done, RunPhase(transaction, plan, next, before.phase, fleet));
  SetState(next, fleet::AfterAdvance(before, done.advance));
  const fleet::Counts& change = done.advance.change;
  KEDGE_TRY(const bool moved,
            store::AdvanceStageRow(
                transaction, next, before.step,
                {.pending = change.pending, .deployed = change.deployed, .failed = change.failed}));
  if (!moved) {
    return Unavailable("stage '" + stage.name + "' of plan '" + stage.plan +
                       "' was moved by somebody else");
  }
  KEDGE_TRY_STATUS(
      store::InsertStageAdvance(transaction, {.deployment_name = *stage.deployment_name,
                                              .step = next.step,
                                              .token = by.token,
                                              .node = by.node,
                                              .devices = done.devices,
                                              .time = by.now}));
  // Devices may have reported since the stage was read.
  if (next.phase == fleet::Name(fleet::Phase::kNone)) {
    KEDGE_TRY_STATUS(SettleStage(transaction, next.plan, next.name));
  }
  return next;
}

Result<StageFleet> StageAdvancer::Load(const store::Plan& plan, const store::Stage& stage) {
  StageFleet fleet;
  if (stage.phase != fleet::Name(fleet::Phase::kDraw) &&
      stage.phase != fleet::Name(fleet::Phase::kAssign)) {
    return fleet;
  }
  KEDGE_TRY_STATUS(store_.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(auto names, FleetNames(transaction, plan.fleet, SIZE_MAX));
    fleet.names = std::move(*names);
    return {};
  }));
  return fleet;
}

Status StageAdvancer::Advance(const store::Lease& lease, const store::Stage& stage) {
  std::optional<store::Plan> plan;
  KEDGE_TRY_STATUS(store_.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(plan, store::FindPlan(transaction, stage.plan));
    return {};
  }));
  if (!plan) return {};
  // The names are read once for all advances of a start, and again after a failed one.
  if (loaded_deployment_ != *stage.deployment_name || loaded_.names.empty()) {
    loaded_deployment_.clear();
    KEDGE_TRY(loaded_, Load(*plan, stage));
    loaded_deployment_ = *stage.deployment_name;
  }
  const Status status = store_.Write([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY_STATUS(store::Fence(transaction, lease));
    KEDGE_TRY([[maybe_unused]] const store::Stage next,
              AdvanceStage(transaction, *plan, stage, loaded_,
                           {.token = lease.token, .node = node_, .now = clock_.NowMs()}));
    return {};
  });
  if (!status) loaded_deployment_.clear();
  return status;
}

Status StageAdvancer::Collect(const store::Lease& lease) {
  const EpochMs now = clock_.NowMs();
  if (collected_ != 0 && now - collected_ < kCollectPeriodMs) return {};
  collected_ = now;
  return store_.Write([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY_STATUS(store::Fence(transaction, lease));
    return store::DeleteUnusedDeployments(transaction);
  });
}

Result<LeasedStep> StageAdvancer::Step(const store::Lease& lease) {
  std::vector<store::Stage> moving;
  KEDGE_TRY_STATUS(store_.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(moving, store::MovingStages(transaction, kMovingStagesMax));
    return {};
  }));
  // The oldest that can be moved: one that fails does not hold up the others.
  for (const store::Stage& stage : moving) {
    const Status status = Advance(lease, stage);
    if (status) return LeasedStep::kMore;
    if (status.error().code == Code::kAborted) return status.error();
    LogWarning("a stage is not advanced now",
               {{"plan", stage.plan}, {"stage", stage.name}, {"error", status.error().message}});
  }
  loaded_ = {};
  loaded_deployment_.clear();
  KEDGE_TRY_STATUS(Collect(lease));
  return LeasedStep::kIdle;
}

}  // namespace kedge::server
