// SPDX-License-Identifier: Apache-2.0
#include "fleet/stage.h"

#include <algorithm>
#include <array>

namespace kedge::fleet {
namespace {

constexpr std::array<std::string_view, 5> kPhaseNames = {"NONE", "CLEAR", "DRAW", "ASSIGN", "STOP"};

bool MayStart(StageStatus status) {
  return status == StageStatus::kReadyToDeploy || status == StageStatus::kStopped ||
         status == StageStatus::kFailed;
}

bool MayStop(StageStatus status) {
  return status == StageStatus::kStarting || status == StageStatus::kInProgress;
}

// A stage whose devices all have the deployment, by what they reported.
StageStatus Settled(StageStatus status, const Counts& counts) {
  if (status != StageStatus::kInProgress && status != StageStatus::kDeployed) return status;
  if (counts.pending > 0) return StageStatus::kInProgress;
  return counts.failed > 0 ? StageStatus::kFailed : StageStatus::kDeployed;
}

}  // namespace

std::string_view Name(Phase phase) { return kPhaseNames[static_cast<size_t>(phase)]; }

Result<Phase> ParsePhase(std::string_view text) {
  const auto found = std::find(kPhaseNames.begin(), kPhaseNames.end(), text);
  if (found == kPhaseNames.end()) {
    return InvalidArgument("unknown phase '" + std::string(text) + "'");
  }
  return static_cast<Phase>(found - kPhaseNames.begin());
}

Result<Stage> AfterStart(const Stage& stage) {
  if (!MayStart(stage.status)) {
    return FailedPrecondition("is " + std::string(Name(stage.status)) + " and cannot be started");
  }
  return Stage{.status = StageStatus::kStarting, .phase = Phase::kClear, .step = stage.step + 1};
}

Result<Stage> AfterStop(const Stage& stage) {
  if (!MayStop(stage.status)) {
    return FailedPrecondition("is " + std::string(Name(stage.status)) + " and cannot be stopped");
  }
  // While devices of the former start are still listed, they are removed first.
  return Stage{.status = StageStatus::kStopping,
               .phase = stage.phase == Phase::kClear ? Phase::kClear : Phase::kStop,
               .step = stage.step + 1,
               .counts = stage.counts};
}

Stage AfterAdvance(const Stage& stage, const Advance& advance) {
  Stage after = stage;
  ++after.step;
  after.counts = stage.counts + advance.change;
  if (!advance.last.empty()) after.after = advance.last;
  if (advance.more) return after;
  after.after.clear();
  switch (stage.phase) {
    case Phase::kClear:
      after.phase = stage.status == StageStatus::kStopping ? Phase::kStop : Phase::kDraw;
      break;
    case Phase::kDraw:
      after.phase = Phase::kAssign;
      break;
    case Phase::kAssign:
      after.phase = Phase::kNone;
      after.status = StageStatus::kInProgress;  // AfterCounts ends it if all have reported
      break;
    case Phase::kStop:
      after.phase = Phase::kNone;
      after.status = StageStatus::kStopped;
      break;
    case Phase::kNone:
      break;
  }
  return after;
}

Stage AfterCounts(const Stage& stage, const Counts& change) {
  Stage after = stage;
  after.counts = stage.counts + change;
  after.status = Settled(stage.status, after.counts);
  return after;
}

bool IsInactive(StageStatus status) { return !MayStop(status) && status != StageStatus::kStopping; }

std::string StageMessage(StageStatus status, const Counts& counts) {
  if (status == StageStatus::kReadyToDeploy || status == StageStatus::kCreating) return "";
  return std::to_string(counts.deployed) + " devices deployed, " + std::to_string(counts.pending) +
         " pending, " + std::to_string(counts.failed) + " failed";
}

}  // namespace kedge::fleet
