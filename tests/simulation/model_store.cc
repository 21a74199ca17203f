// SPDX-License-Identifier: Apache-2.0
#include "simulation/model_store.h"

#include <algorithm>

namespace kedge::simulation {
namespace {

using fleet::Counts;
using fleet::DeviceStatus;
using fleet::Phase;

constexpr std::string_view kChance = "chance";

}  // namespace

ModelStore::ModelStore(std::vector<std::string> devices, std::vector<StageRow> stages,
                       Mutation mutation)
    : names_(std::move(devices)),
      stages_(std::move(stages)),
      desired_(names_.size()),
      newest_failed_(names_.size()),
      mutation_(mutation) {
  for (StageRow& stage : stages_) stage.devices.resize(names_.size());
}

bool ModelStore::AcquireLease(int node, int64_t now, int64_t ttl) {
  if (lease_.token > 0 && lease_.holder != node && lease_.expires > now) return false;
  lease_ = {.holder = node, .token = lease_.token + 1, .expires = now + ttl};
  return true;
}

bool ModelStore::RenewLease(int64_t token, int64_t now, int64_t ttl) {
  if (lease_.token != token) return false;
  lease_.expires = now + ttl;
  return true;
}

bool ModelStore::Start(size_t stage) {
  StageRow& row = stages_[stage];
  const auto after = fleet::AfterStart(row.state);
  if (!after) return false;
  row.state = *after;
  row.limit.clear();
  row.stop_promised = false;
  row.deployment = {.name = "p" + std::to_string(last_number_ + 1), .number = last_number_ + 1};
  ++last_number_;
  return true;  // devices of the former start are still listed: no check before they are cleared
}

bool ModelStore::Stop(size_t stage) {
  const auto after = fleet::AfterStop(stages_[stage].state);
  if (!after) return false;
  stages_[stage].state = *after;
  stages_[stage].stop_promised = true;
  Check();
  return true;
}

bool ModelStore::Advance(size_t stage, const StageRow& read, int64_t token) {
  if (!mutation_.no_fence && lease_.token != token) return false;
  StageRow& row = stages_[stage];
  if (!mutation_.no_step &&
      (row.state.step != read.state.step || row.deployment != read.deployment)) {
    return false;
  }
  if (lease_.token != token) Violated("an advance by a former holder of the lease");
  // As the server does it: status, phase and step follow from what was read, counts by differences.
  const Counts now = row.state.counts;
  row.state = read.state;
  row.state.counts = now;
  row.limit = read.limit;
  if (row.state.phase == Phase::kNone) return false;
  const fleet::Advance advance = RunPhase(stage);
  row.state = fleet::AfterAdvance(row.state, advance);
  row.state = fleet::AfterCounts(row.state, {});
  for (const AdvanceRecord& other : advances_) {
    if (other.deployment == row.deployment.number && other.step == row.state.step) {
      Violated("two advances of one stage to step " + std::to_string(other.step));
    }
  }
  advances_.push_back(
      {.deployment = row.deployment.number, .step = row.state.step, .token = token});
  Check();
  return true;
}

fleet::Advance ModelStore::RunPhase(size_t stage) {
  StageRow& row = stages_[stage];
  switch (row.state.phase) {
    case Phase::kClear: {
      size_t cleared = 0;
      for (auto& device : row.devices) {
        if (device && cleared < kAdvanceDevicesMax) {
          device.reset();
          ++cleared;
        }
      }
      return {.more = cleared == kAdvanceDevicesMax};
    }
    case Phase::kDraw:
      row.limit = fleet::DrawLimit(row.selection, names_, kChance);
      return {};
    case Phase::kAssign:
      return Assign(stage);
    case Phase::kStop:
      return StopSome(stage);
    case Phase::kNone:
      break;
  }
  return {};
}

fleet::Advance ModelStore::Assign(size_t stage) {
  StageRow& row = stages_[stage];
  const fleet::Roster roster(row.selection, names_, std::string(kChance), row.limit);
  fleet::Advance advance;
  for (const fleet::Chosen& chosen : roster.After(row.state.after, kAdvanceDevicesMax)) {
    const size_t device = IndexOf(chosen.device);
    if (row.devices[device]) Violated("a device is in a stage twice");
    if (chosen.control_peer && row.devices[IndexOf(*chosen.control_peer)]) {
      Violated("a control peer is in the stage");
    }
    const DesiredOfDevice before = desired_[device];
    for (size_t handle = 0; handle < kHandlesMax; ++handle) {
      if (!row.handles[handle]) continue;
      desired_[device][handle] = fleet::AfterAssigned(desired_[device][handle], row.deployment);
    }
    for (const fleet::Desired& former : before) {
      if (!former || former->state == fleet::DesiredState::kGood) continue;
      const std::string& deployment = former->current.name;
      const auto superseded = StageOf(deployment);
      if (superseded && !PendingAnywhere(device, deployment)) {
        const auto status = stages_[*superseded].devices[device];
        if (status) Move(*superseded, device, fleet::AfterStop(*status));
      }
    }
    const bool wanted = PendingAnywhere(device, row.deployment.name);
    row.devices[device] = wanted ? DeviceStatus::kReadyToDeploy : DeviceStatus::kStopped;
    advance.change = advance.change + fleet::CountOf(*row.devices[device]);
    advance.last = chosen.device;
  }
  advance.more = !advance.last.empty() && roster.AnyAfter(advance.last);
  return advance;
}

fleet::Advance ModelStore::StopSome(size_t stage) {
  StageRow& row = stages_[stage];
  fleet::Advance advance;
  size_t stopped = 0;
  for (size_t device = 0; device < names_.size() && stopped < kAdvanceDevicesMax; ++device) {
    if (names_[device] <= row.state.after || !row.devices[device]) continue;
    const auto to = fleet::AfterStop(*row.devices[device]);
    if (!to) continue;
    for (fleet::Desired& desired : desired_[device]) {
      desired = fleet::AfterStopped(desired, row.deployment);
    }
    advance.change = advance.change + (fleet::CountOf(*to) - fleet::CountOf(*row.devices[device]));
    row.devices[device] = to;
    advance.last = names_[device];
    ++stopped;
  }
  advance.more = stopped == kAdvanceDevicesMax;
  return advance;
}

std::vector<Offer> ModelStore::PickUp(size_t device) {
  std::vector<Offer> offers;
  for (fleet::Desired& desired : desired_[device]) {
    if (!desired) continue;
    const auto stage = StageOf(desired->current.name);
    const bool known = std::any_of(offers.begin(), offers.end(), [&](const Offer& offer) {
      return offer.deployment == desired->current;
    });
    if (stage && !known && desired->state != fleet::DesiredState::kGood) {
      offers.push_back({.deployment = desired->current, .stage = *stage});
      Move(*stage, device, fleet::AfterPickup(*stages_[*stage].devices[device]));
    }
    desired = fleet::AfterTaken(desired);
  }
  Check();
  return offers;
}

void ModelStore::Record(const Report& report) {
  const auto stage = StageOf(report.deployment.name);
  const StageRow& row = stages_[report.stage];
  if (!report.succeeded) {
    int64_t& newest = newest_failed_[report.device];
    newest = std::max(newest, report.deployment.number);
  }
  for (size_t handle = 0; handle < kHandlesMax; ++handle) {
    if (!row.handles[handle]) continue;
    fleet::Desired& desired = desired_[report.device][handle];
    const bool refers =
        desired && (desired->current == report.deployment || desired->former == report.deployment);
    if (!refers && !stage) continue;
    desired = report.succeeded ? fleet::AfterSuccess(desired, report.deployment)
                               : fleet::AfterFailure(desired, report.deployment, row.rolls_back);
  }
  if (stage && row.devices[report.device]) {
    Move(*stage, report.device, fleet::AfterResult(*row.devices[report.device], report.succeeded));
  }
  Check();
}

std::optional<size_t> ModelStore::Moving() const {
  std::optional<size_t> oldest;
  for (size_t i = 0; i < stages_.size(); ++i) {
    if (stages_[i].state.phase == Phase::kNone) continue;
    if (!oldest || stages_[i].deployment.number < stages_[*oldest].deployment.number) oldest = i;
  }
  return oldest;
}

size_t ModelStore::IndexOf(const std::string& device) const {
  return static_cast<size_t>(std::lower_bound(names_.begin(), names_.end(), device) -
                             names_.begin());
}

std::optional<size_t> ModelStore::StageOf(const std::string& deployment) const {
  for (size_t i = 0; i < stages_.size(); ++i) {
    if (stages_[i].deployment.name == deployment) return i;
  }
  return std::nullopt;
}

void ModelStore::Move(size_t stage, size_t device, std::optional<DeviceStatus> to) {
  if (!to) return;
  StageRow& row = stages_[stage];
  const Counts change = fleet::CountOf(*to) - fleet::CountOf(*row.devices[device]);
  row.devices[device] = to;
  row.state = fleet::AfterCounts(row.state, change);
}

bool ModelStore::PendingAnywhere(size_t device, const std::string& deployment) const {
  const DesiredOfDevice& desired = desired_[device];
  return std::any_of(desired.begin(), desired.end(),
                     [&](const fleet::Desired& one) { return fleet::IsPending(one, deployment); });
}

void ModelStore::Check() {
  if (!violation_.empty()) return;
  for (const StageRow& stage : stages_) CheckStage(stage);
  for (size_t device = 0; device < names_.size(); ++device) CheckDevice(device);
}

void ModelStore::CheckStage(const StageRow& stage) {
  if (stage.state.phase == Phase::kClear) return;  // lists devices of the former start
  Counts rows;
  for (const auto& status : stage.devices) {
    if (status) rows = rows + fleet::CountOf(*status);
  }
  if (!(rows == stage.state.counts)) Violated("the counts are not those of the rows");
  const bool moves = stage.state.status == fleet::StageStatus::kStarting ||
                     stage.state.status == fleet::StageStatus::kStopping;
  if (moves != (stage.state.phase != Phase::kNone)) Violated("status and phase do not fit");
  if (stage.state.status == fleet::StageStatus::kStopped && rows.pending > 0) {
    Violated("a stopped stage has pending devices");
  }
  if (stage.stop_promised && stage.state.status != fleet::StageStatus::kStopping &&
      stage.state.status != fleet::StageStatus::kStopped) {
    Violated("a stop was forgotten");
  }
}

void ModelStore::CheckDevice(size_t device) {
  for (const StageRow& stage : stages_) {
    if (stage.state.phase == Phase::kClear || !stage.devices[device]) continue;
    const bool pending = fleet::CountOf(*stage.devices[device]).pending > 0;
    if (pending != PendingAnywhere(device, stage.deployment.name)) {
      Violated("what a device should have and its state in the stage differ");
    }
  }
  for (const fleet::Desired& desired : desired_[device]) {
    if (desired && desired->former && desired->former->number >= desired->current.number) {
      Violated("what a failure goes back to is newer than what failed");
    }
  }
  // What works on a device, and was not followed by a failure, is the least that it should have.
  // (Two failures in a row may leave nothing: a device keeps one former version.)
  const bool all_roll_back = std::all_of(stages_.begin(), stages_.end(),
                                         [](const StageRow& stage) { return stage.rolls_back; });
  for (const StageRow& stage : stages_) {
    if (!all_roll_back || stage.state.phase == Phase::kClear) continue;
    if (stage.devices[device] != DeviceStatus::kDeployed) continue;
    if (newest_failed_[device] > stage.deployment.number) continue;
    for (size_t handle = 0; handle < kHandlesMax; ++handle) {
      const fleet::Desired& desired = desired_[device][handle];
      if (!stage.handles[handle]) continue;
      if (!desired || desired->current.number < stage.deployment.number) {
        Violated("a device should have less than works on it");
      }
    }
  }
}

void ModelStore::CheckEnded() {
  for (const StageRow& stage : stages_) {
    using enum fleet::StageStatus;
    const bool ended = stage.state.status == kReadyToDeploy || stage.state.status == kDeployed ||
                       stage.state.status == kFailed || stage.state.status == kStopped;
    if (!ended) Violated("a stage did not end: " + std::string(fleet::Name(stage.state.status)));
  }
  Check();
}

void ModelStore::Violated(const std::string& what) {
  if (violation_.empty()) violation_ = what;
}

}  // namespace kedge::simulation
