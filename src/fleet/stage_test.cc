// SPDX-License-Identifier: Apache-2.0
#include "fleet/stage.h"

#include <gtest/gtest.h>

namespace kedge::fleet {
namespace {

using enum StageStatus;

TEST(Stage, StartsInAdvancesAndEndsWithItsLastDevice) {
  Stage stage = *AfterStart({});
  EXPECT_EQ(stage, (Stage{.status = kStarting, .phase = Phase::kClear, .step = 1}));
  stage = AfterAdvance(stage, {});
  EXPECT_EQ(stage.phase, Phase::kDraw);
  stage = AfterAdvance(stage, {});
  EXPECT_EQ(stage.phase, Phase::kAssign);
  stage = AfterAdvance(stage, {.change = {.pending = 2}, .last = "b", .more = true});
  EXPECT_EQ(stage, (Stage{.status = kStarting,
                          .phase = Phase::kAssign,
                          .step = 4,
                          .after = "b",
                          .counts = {.pending = 2}}));
  // All that have it report before the others get it: the stage goes on.
  stage = AfterCounts(stage, {.pending = -2, .deployed = 2});
  EXPECT_EQ(stage.status, kStarting);
  stage = AfterAdvance(stage, {.change = {.pending = 1}, .last = "c"});
  EXPECT_EQ(stage,
            (Stage{.status = kInProgress, .step = 5, .counts = {.pending = 1, .deployed = 2}}));
  EXPECT_EQ(AfterCounts(stage, {.pending = -1, .deployed = 1}).status, kDeployed);
  EXPECT_EQ(AfterCounts(stage, {.pending = -1, .failed = 1}).status, kFailed);
}

TEST(Stage, StopsInAdvancesWhateverItWasAt) {
  const Phase phases[] = {Phase::kNone, Phase::kDraw, Phase::kAssign, Phase::kClear};
  for (const Phase phase : phases) {
    SCOPED_TRACE(Name(phase));
    const StageStatus status = phase == Phase::kNone ? kInProgress : kStarting;
    Stage stage =
        *AfterStop({.status = status, .phase = phase, .after = "x", .counts = {.pending = 3}});
    EXPECT_EQ(stage.status, kStopping);
    EXPECT_EQ(stage.after, "");
    if (phase == Phase::kClear) stage = AfterAdvance(stage, {});
    EXPECT_EQ(stage.phase, Phase::kStop);
    stage = AfterAdvance(stage, {.change = {.pending = -2}, .last = "b", .more = true});
    EXPECT_EQ(stage.status, kStopping);
    stage = AfterAdvance(stage, {.change = {.pending = -1}, .last = "c"});
    EXPECT_EQ(stage.status, kStopped);
    EXPECT_EQ(stage.phase, Phase::kNone);
    EXPECT_EQ(stage.counts, Counts{});
  }
}

TEST(Stage, CountsSettleIt) {
  const struct {
    StageStatus status;
    Counts counts;
    StageStatus want;
  } cases[] = {
      {kInProgress, {.pending = 1, .deployed = 4}, kInProgress},
      {kInProgress, {.pending = 0, .deployed = 5}, kDeployed},
      {kInProgress, {.pending = 0, .deployed = 4, .failed = 1}, kFailed},
      {kInProgress, {.pending = 2, .failed = 1}, kInProgress},
      {kDeployed, {.pending = 0, .deployed = 4, .failed = 1}, kFailed},
      {kStopped, {.pending = 0, .deployed = 5}, kStopped},
      {kStopping, {.pending = 0, .deployed = 5}, kStopping},
      {kStarting, {.pending = 0, .deployed = 5}, kStarting},
      {kReadyToDeploy, {}, kReadyToDeploy},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(AfterCounts({.status = c.status}, c.counts).status, c.want)
        << Name(c.status) << " " << StageMessage(c.status, c.counts);
  }
}

TEST(Stage, SaysWhatMayBeDoneWithIt) {
  const struct {
    StageStatus status;
    bool start, stop, remove;
  } cases[] = {
      {kCreating, false, false, true},  {kReadyToDeploy, true, false, true},
      {kStarting, false, true, false},  {kInProgress, false, true, false},
      {kDeployed, false, false, true},  {kFailed, true, false, true},
      {kStopping, false, false, false}, {kStopped, true, false, true},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(Name(c.status));
    EXPECT_EQ(AfterStart({.status = c.status}).has_value(), c.start);
    EXPECT_EQ(AfterStop({.status = c.status}).has_value(), c.stop);
    EXPECT_EQ(IsInactive(c.status), c.remove);
  }
  EXPECT_EQ(AfterStart({.status = kDeployed}).error(),
            FailedPrecondition("is DEPLOYED and cannot be started"));
  EXPECT_EQ(AfterStop({.status = kStopped}).error(),
            FailedPrecondition("is STOPPED and cannot be stopped"));
}

TEST(Stage, MessageHasTheCounts) {
  EXPECT_EQ(StageMessage(kInProgress, {.pending = 2, .deployed = 1}),
            "1 devices deployed, 2 pending, 0 failed");
  EXPECT_EQ(StageMessage(kReadyToDeploy, {}), "");
}

TEST(Phase, NamesAreReadBack) {
  for (const char* name : {"NONE", "CLEAR", "DRAW", "ASSIGN", "STOP"}) {
    EXPECT_EQ(Name(*ParsePhase(name)), name);
  }
  EXPECT_EQ(ParsePhase("X").error(), InvalidArgument("unknown phase 'X'"));
}

}  // namespace
}  // namespace kedge::fleet
