// SPDX-License-Identifier: Apache-2.0
#include "fleet/drift_alarm.h"

#include <gtest/gtest.h>

namespace kedge::fleet {
namespace {

using State = DriftAlarmState;
constexpr EpochMs kNow = 1'000'000'000;
constexpr EpochMs kHour = 3'600'000;
constexpr EpochMs kDay = 24 * kHour;

struct Case {
  const char* name;
  std::optional<DriftAlarmNow> alarm;
  DriftFinding finding;
  std::optional<State> state;
  bool changed = false;
};

const Case kCases[] = {
    {"nothing below the line of WATCH", {}, {kNow, 0.09}, {}},
    {"a tenth of the line is a WATCH", {}, {kNow, 0.1}, State::kWatch, true},
    {"the line is an ALARM", {}, {kNow, 1}, State::kAlarm, true},
    {"a silenced model does not alarm", {}, {kNow, 5, {}, kNow + 1}, State::kSilenced, true},
    {"a silence that is over does not count", {}, {kNow, 5, {}, kNow}, State::kAlarm, true},
    {"a WATCH rises", DriftAlarmNow{State::kWatch}, {kNow, 1}, State::kAlarm, true},
    {"a WATCH waits when it is quiet",
     DriftAlarmNow{State::kWatch, kNow - kHour + 1},
     {kNow, 0},
     State::kWatch},
    {"a WATCH closes after an hour",
     DriftAlarmNow{State::kWatch, kNow - kHour},
     {kNow, 0},
     State::kClosed,
     true},
    {"an ALARM stays below its line", DriftAlarmNow{State::kAlarm}, {kNow, 0.5}, State::kAlarm},
    {"an ALARM waits an hour and more",
     DriftAlarmNow{State::kAlarm, kNow - kDay + 1},
     {kNow, 0},
     State::kAlarm},
    {"an ALARM closes after a day",
     DriftAlarmNow{State::kAlarm, kNow - kDay},
     {kNow, 0},
     State::kClosed,
     true},
    {"an ALARM that is not quiet any more stays",
     DriftAlarmNow{State::kAlarm, kNow - kDay},
     {kNow, 0.2},
     State::kAlarm},
    {"an ALARM is silenced",
     DriftAlarmNow{State::kAlarm},
     {kNow, 3, {}, kNow + 5},
     State::kSilenced,
     true},
    {"after the silence the level counts",
     DriftAlarmNow{State::kSilenced},
     {kNow, 3, {}, kNow - 5},
     State::kAlarm,
     true},
    {"after the silence a quiet one waits as WATCH",
     DriftAlarmNow{State::kSilenced},
     {kNow, 0},
     State::kWatch,
     true},
    {"an acknowledged feature does not alarm again",
     DriftAlarmNow{State::kAcknowledged, 0, {"gain"}},
     {kNow, 9, {"gain"}},
     State::kAcknowledged},
    {"another feature does",
     DriftAlarmNow{State::kAcknowledged, 0, {"gain"}},
     {kNow, 9, {"gain", "blur"}},
     State::kAlarm,
     true},
    {"another feature below the line does not",
     DriftAlarmNow{State::kAcknowledged, 0, {"gain"}},
     {kNow, 0.9, {"blur"}},
     State::kAcknowledged},
    {"an acknowledged one closes after a day",
     DriftAlarmNow{State::kAcknowledged, kNow - kDay, {"gain"}},
     {kNow, 0},
     State::kClosed,
     true},
};

TEST(DriftAlarm, GoesOnByItsRules) {
  for (const Case& one : kCases) {
    SCOPED_TRACE(one.name);
    const auto step = Advance(one.alarm, one.finding);
    ASSERT_EQ(step.has_value(), one.state.has_value());
    if (!step) continue;
    EXPECT_EQ(Name(step->alarm.state), Name(*one.state));
    EXPECT_EQ(step->changed, one.changed);
  }
}

TEST(DriftAlarm, RemembersSinceWhenItIsQuiet) {
  auto step = Advance(DriftAlarmNow{State::kAlarm}, {.now = kNow, .level = 0.05});
  EXPECT_EQ(step->alarm.quiet_since, kNow);
  step = Advance(step->alarm, {.now = kNow + kHour, .level = 0.05});
  EXPECT_EQ(step->alarm.quiet_since, kNow);
  step = Advance(step->alarm, {.now = kNow + 2 * kHour, .level = 0.1});
  EXPECT_EQ(step->alarm.quiet_since, 0);
}

TEST(DriftAlarm, GathersFeaturesUntilItIsAcknowledged) {
  const std::vector<std::string> both = {"gain", "blur"};
  auto step = Advance({}, {.now = kNow, .level = 1, .features = {"gain"}});
  step = Advance(step->alarm, {.now = kNow, .level = 1, .features = both});
  EXPECT_EQ(step->alarm.features, both);
  step->alarm.state = State::kAcknowledged;
  step = Advance(step->alarm, {.now = kNow, .level = 0.5, .features = {"edge"}});
  EXPECT_EQ(step->alarm.features, both);
  step = Advance(step->alarm, {.now = kNow, .level = 2, .features = {"edge"}});
  EXPECT_EQ(step->alarm.features.size(), 3u);
}

TEST(DriftAlarm, OperatorsAcknowledgeAndCloseWhatIsOpen) {
  for (const State state : {State::kWatch, State::kAlarm, State::kSilenced}) {
    EXPECT_EQ(*Acknowledge(state), State::kAcknowledged);
    EXPECT_EQ(*Close(state), State::kClosed);
  }
  EXPECT_EQ(*Close(State::kAcknowledged), State::kClosed);
  EXPECT_EQ(Acknowledge(State::kAcknowledged).error(),
            FailedPrecondition("the alarm is ACKNOWLEDGED"));
  EXPECT_EQ(Acknowledge(State::kClosed).error(), FailedPrecondition("the alarm is CLOSED"));
  EXPECT_EQ(Close(State::kClosed).error(), FailedPrecondition("the alarm is CLOSED"));
}

TEST(DriftAlarm, StatesAreReadAsTheyAreWritten) {
  for (const State state :
       {State::kWatch, State::kAlarm, State::kAcknowledged, State::kSilenced, State::kClosed}) {
    EXPECT_EQ(*ParseDriftAlarmState(Name(state)), state);
  }
  EXPECT_EQ(ParseDriftAlarmState("OPEN").error(),
            InvalidArgument("'OPEN' is not a state of an alarm"));
}

}  // namespace
}  // namespace kedge::fleet
