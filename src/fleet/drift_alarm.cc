// SPDX-License-Identifier: Apache-2.0
#include "fleet/drift_alarm.h"

#include <algorithm>
#include <array>

namespace kedge::fleet {
namespace {

using State = DriftAlarmState;

constexpr std::array<std::pair<State, std::string_view>, 5> kNames = {
    {{State::kWatch, "WATCH"},
     {State::kAlarm, "ALARM"},
     {State::kAcknowledged, "ACKNOWLEDGED"},
     {State::kSilenced, "SILENCED"},
     {State::kClosed, "CLOSED"}}};

bool HasOther(const std::vector<std::string>& features, const std::vector<std::string>& known) {
  return std::any_of(features.begin(), features.end(), [&](const std::string& feature) {
    return std::find(known.begin(), known.end(), feature) == known.end();
  });
}

// What the level alone says; nothing below the line of WATCH.
std::optional<State> OfLevel(const DriftFinding& finding, const DriftAlarmRules& rules) {
  if (finding.level >= rules.alarm_level) {
    return finding.silenced_until > finding.now ? State::kSilenced : State::kAlarm;
  }
  if (finding.level >= rules.watch_level) return State::kWatch;
  return std::nullopt;
}

State NextState(const DriftAlarmNow& alarm, const DriftFinding& finding,
                const DriftAlarmRules& rules) {
  const int64_t quiet_ms =
      alarm.state == State::kWatch ? rules.watch_quiet_ms : rules.alarm_quiet_ms;
  if (alarm.quiet_since > 0 && finding.now - alarm.quiet_since >= quiet_ms) return State::kClosed;
  const auto of_level = OfLevel(finding, rules);
  const bool silenced = finding.silenced_until > finding.now;
  switch (alarm.state) {
    case State::kWatch:
      return of_level.value_or(State::kWatch);
    case State::kAlarm:
      return silenced ? State::kSilenced : State::kAlarm;
    case State::kSilenced:
      return silenced ? State::kSilenced : of_level.value_or(State::kWatch);
    case State::kAcknowledged:
      return of_level == State::kAlarm && HasOther(finding.features, alarm.features)
                 ? State::kAlarm
                 : State::kAcknowledged;
    case State::kClosed:
      break;
  }
  return State::kClosed;
}

}  // namespace

std::string_view Name(DriftAlarmState state) {
  for (const auto& [one, name] : kNames) {
    if (one == state) return name;
  }
  return {};
}

Result<DriftAlarmState> ParseDriftAlarmState(std::string_view name) {
  for (const auto& [state, one] : kNames) {
    if (one == name) return state;
  }
  return InvalidArgument("'" + std::string(name) + "' is not a state of an alarm");
}

std::optional<DriftAlarmStep> Advance(const std::optional<DriftAlarmNow>& alarm,
                                      const DriftFinding& finding, const DriftAlarmRules& rules) {
  DriftAlarmStep step;
  if (!alarm) {
    const auto state = OfLevel(finding, rules);
    if (!state) return std::nullopt;
    step.alarm.state = *state;
    step.changed = true;
  } else {
    step.alarm = *alarm;
    if (finding.level >= rules.watch_level) {
      step.alarm.quiet_since = 0;
    } else if (alarm->quiet_since == 0) {
      step.alarm.quiet_since = finding.now;
    }
    step.alarm.state = NextState(step.alarm, finding, rules);
    step.changed = step.alarm.state != alarm->state;
  }
  if (step.alarm.state == State::kAcknowledged) return step;  // others would be acknowledged too
  for (const std::string& feature : finding.features) {
    if (HasOther({feature}, step.alarm.features)) step.alarm.features.push_back(feature);
  }
  return step;
}

Result<DriftAlarmState> Acknowledge(DriftAlarmState state) {
  if (state == State::kClosed || state == State::kAcknowledged) {
    return FailedPrecondition("the alarm is " + std::string(Name(state)));
  }
  return State::kAcknowledged;
}

Result<DriftAlarmState> Close(DriftAlarmState state) {
  if (state == State::kClosed) return FailedPrecondition("the alarm is CLOSED");
  return State::kClosed;
}

}  // namespace kedge::fleet
