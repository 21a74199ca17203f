// When drift of a model becomes an alarm, and how an alarm goes on.
//
//                 level >= 0.1               level >= 1
//   (no alarm) ----------------> WATCH ---------------------> ALARM
//                                  |                            |  Acknowledge
//        quiet for an hour         |                            v
//   CLOSED <-----------------------+      +---------------- ACKNOWLEDGED
//     ^  quiet for a day                  |  a feature that was not acknowledged is named,
//     +-----------------------------------+  and level >= 1: ALARM again
//
// The level is evidence in alarm lines (stats/evidence/alarm_budget.h): without drift it reaches 1
// at most once in the budget's period. Quiet is a level below the line of WATCH. While a model is
// silenced, what would be ALARM is SILENCED; when the silence ends it becomes what its level says.
//
// Acknowledging begins evidence anew: merged counts from nothing, and devices whose own evidence
// stands out then count again when it has gone down. So a drift that somebody looks after does not
// alarm again, and another one besides does.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace kedge::fleet {

enum class DriftAlarmState { kWatch, kAlarm, kAcknowledged, kSilenced, kClosed };
std::string_view Name(DriftAlarmState state);  // "WATCH", ...
// kInvalidArgument for another word.
Result<DriftAlarmState> ParseDriftAlarmState(std::string_view name);

struct DriftAlarmRules {
  double watch_level = 0.1;
  double alarm_level = 1;
  int64_t watch_quiet_ms = 3'600'000;       // until a WATCH closes
  int64_t alarm_quiet_ms = 24 * 3'600'000;  // until all others do
};

struct DriftAlarmNow {
  DriftAlarmState state = DriftAlarmState::kWatch;
  EpochMs quiet_since = 0;            // 0: not quiet
  std::vector<std::string> features;  // named so far
};

// What was found at a moment.
struct DriftFinding {
  EpochMs now = 0;
  double level = 0;
  std::vector<std::string> features;  // named now
  EpochMs silenced_until = 0;
};

struct DriftAlarmStep {
  DriftAlarmNow alarm;
  bool changed = false;  // of state, or opened
};

// The alarm after a finding; nothing if there is none and none opens. `alarm` is not CLOSED.
std::optional<DriftAlarmStep> Advance(const std::optional<DriftAlarmNow>& alarm,
                                      const DriftFinding& finding,
                                      const DriftAlarmRules& rules = {});

// What an operator may do. kFailedPrecondition naming the state, if not from there.
Result<DriftAlarmState> Acknowledge(DriftAlarmState state);
Result<DriftAlarmState> Close(DriftAlarmState state);

}  // namespace kedge::fleet
