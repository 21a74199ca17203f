// A stage of a deployment plan: (state, event) -> state.
//
//   READYTODEPLOY, STOPPED, FAILED -start-> STARTING -all devices have it-> INPROGRESS
//   INPROGRESS -last device reports-> DEPLOYED, or FAILED if one failed
//   DEPLOYED -a device goes back later-> FAILED
//   STARTING, INPROGRESS -stop-> STOPPING -all pending devices are told-> STOPPED
//
// A stage may have a hundred thousand devices, so STARTING and STOPPING are worked off in advances
// of a bounded number of devices, each one transaction that moves `step` on by one. Phases say what
// the next advance does:
//
//   clear   removes the devices of the former start      -> draw, when none is left
//   draw    records who is in (see selection.h)           -> assign
//   assign  gives the deployment to the next devices      -> none: INPROGRESS
//   stop    takes it from the next pending devices        -> none: STOPPED
//
// An advance stores its state only where `step` is still the one it began with, so two advances
// that began alike cannot both count, whoever made them. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "fleet/status.h"

namespace kedge::fleet {

enum class Phase { kNone, kClear, kDraw, kAssign, kStop };

std::string_view Name(Phase phase);  // "NONE", "CLEAR", "DRAW", "ASSIGN", "STOP"
// kInvalidArgument for another text.
Result<Phase> ParsePhase(std::string_view text);

struct Stage {
  StageStatus status = StageStatus::kReadyToDeploy;
  Phase phase = Phase::kNone;
  int64_t step = 0;   // grows with every start, stop and advance
  std::string after;  // the last device that the phase has handled
  Counts counts;
  friend bool operator==(const Stage&, const Stage&) = default;
};

// Events. kFailedPrecondition if the status forbids it.
Result<Stage> AfterStart(const Stage& stage);
Result<Stage> AfterStop(const Stage& stage);

// What an advance did.
struct Advance {
  Counts change;      // of the counts
  std::string last;   // the last device it handled; empty: none
  bool more = false;  // there are devices left for this phase
};
Stage AfterAdvance(const Stage& stage, const Advance& advance);

// After a device's state changed the counts, or nothing but to look: the stage ends with its last
// device.
Stage AfterCounts(const Stage& stage, const Counts& change);

// A stage that may be deleted: nothing of it is under way.
bool IsInactive(StageStatus status);
// One sentence with the counts, for EdgeDeploymentStatusMessage.
std::string StageMessage(StageStatus status, const Counts& counts);

}  // namespace kedge::fleet
