// SPDX-License-Identifier: Apache-2.0
#include "fleet/desired.h"

#include <gtest/gtest.h>

namespace kedge::fleet {
namespace {

using enum DesiredState;

const Deployment kOne{"one", 1};
const Deployment kTwo{"two", 2};
const Deployment kThree{"three", 3};

DesiredModel Model(const Deployment& current, DesiredState state,
                   std::optional<Deployment> former = std::nullopt) {
  return {.current = current, .state = state, .former = std::move(former)};
}

TEST(Desired, NewerDeploymentTakesOverAndKeepsTheGoodOne) {
  const struct {
    const char* name;
    Desired before;
    Deployment next;
    Desired want;
  } cases[] = {
      {"first", std::nullopt, kOne, Model(kOne, kOffered)},
      {"over a good one", Model(kOne, kGood), kTwo, Model(kTwo, kOffered, kOne)},
      {"over a pending one", Model(kTwo, kTaken), kThree, Model(kThree, kOffered)},
      {"over a pending one with a former", Model(kTwo, kTaken, kOne), kThree,
       Model(kThree, kOffered, kOne)},
      {"came too late", Model(kTwo, kTaken), kOne, Model(kTwo, kTaken)},
      {"came twice", Model(kTwo, kTaken), kTwo, Model(kTwo, kTaken)},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(AfterAssigned(c.before, c.next), c.want);
  }
}

TEST(Desired, SuccessMakesItGood) {
  const struct {
    const char* name;
    Desired before;
    Deployment deployment;
    Desired want;
  } cases[] = {
      {"pending", Model(kTwo, kTaken, kOne), kTwo, Model(kTwo, kGood, kOne)},
      {"twice", Model(kTwo, kGood, kOne), kTwo, Model(kTwo, kGood, kOne)},
      {"stopped, but it was faster", std::nullopt, kTwo, Model(kTwo, kGood)},
      {"stopped with a former", Model(kOne, kGood), kTwo, Model(kTwo, kGood, kOne)},
      {"superseded meanwhile", Model(kThree, kOffered, kOne), kTwo, Model(kThree, kOffered, kTwo)},
      {"long ago", Model(kThree, kGood, kTwo), kOne, Model(kThree, kGood, kTwo)},
      {"older than the former", Model(kThree, kTaken, kTwo), kOne, Model(kThree, kTaken, kTwo)},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(AfterSuccess(c.before, c.deployment), c.want);
  }
}

TEST(Desired, FailureGoesBackOrLeavesTheDevice) {
  const struct {
    const char* name;
    Desired before;
    Deployment deployment;
    Desired back, left;
  } cases[] = {
      {"pending", Model(kTwo, kTaken, kOne), kTwo, Model(kOne, kGood), std::nullopt},
      {"no former", Model(kTwo, kTaken), kTwo, std::nullopt, std::nullopt},
      {"good for a while", Model(kTwo, kGood, kOne), kTwo, Model(kOne, kGood), std::nullopt},
      {"the former one", Model(kTwo, kTaken, kOne), kOne, Model(kTwo, kTaken), Model(kTwo, kTaken)},
      {"another one", Model(kTwo, kTaken), kOne, Model(kTwo, kTaken), Model(kTwo, kTaken)},
      {"nothing desired", std::nullopt, kOne, std::nullopt, std::nullopt},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(AfterFailure(c.before, c.deployment, true), c.back);
    EXPECT_EQ(AfterFailure(c.before, c.deployment, false), c.left);
  }
}

TEST(Desired, StopTakesBackWhatWasNotReported) {
  EXPECT_EQ(AfterStopped(Model(kTwo, kOffered, kOne), kTwo), Desired(Model(kOne, kGood)));
  EXPECT_EQ(AfterStopped(Model(kTwo, kTaken), kTwo), std::nullopt);
  EXPECT_EQ(AfterStopped(Model(kTwo, kGood), kTwo), Desired(Model(kTwo, kGood)));
  EXPECT_EQ(AfterStopped(Model(kThree, kTaken), kTwo), Desired(Model(kThree, kTaken)));
  EXPECT_EQ(AfterStopped(std::nullopt, kTwo), std::nullopt);
}

TEST(Desired, TakenIsSaidOnce) {
  EXPECT_EQ(AfterTaken(Model(kOne, kOffered)), Desired(Model(kOne, kTaken)));
  EXPECT_EQ(AfterTaken(Model(kOne, kGood)), Desired(Model(kOne, kGood)));
  EXPECT_EQ(AfterTaken(std::nullopt), std::nullopt);
}

TEST(Desired, StateNamesAreReadBack) {
  for (const char* name : {"OFFERED", "TAKEN", "GOOD"}) {
    EXPECT_EQ(Name(*ParseDesiredState(name)), name);
  }
  EXPECT_EQ(ParseDesiredState("BAD").error(), InvalidArgument("unknown state 'BAD'"));
}

}  // namespace
}  // namespace kedge::fleet
