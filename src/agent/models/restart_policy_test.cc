// SPDX-License-Identifier: Apache-2.0
#include "agent/models/restart_policy.h"

#include <gtest/gtest.h>

namespace kedge::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

const RestartPolicy::Time kBegin{std::chrono::hours(1)};

TEST(RestartPolicy, ThreeStrikesInTenMinutesCondemn) {
  for (const WorkerEnd end : {WorkerEnd::kCrashed, WorkerEnd::kAtFault, WorkerEnd::kStartFailed}) {
    RestartPolicy policy;
    EXPECT_FALSE(policy.OnEnd(end, kBegin, kBegin + minutes(1)).condemned);
    EXPECT_FALSE(policy.OnEnd(end, kBegin, kBegin + minutes(5)).condemned);
    EXPECT_TRUE(policy.OnEnd(end, kBegin, kBegin + minutes(9)).condemned);
  }
}

TEST(RestartPolicy, StrikesOlderThanTheWindowAreForgotten) {
  RestartPolicy policy;
  for (int i = 0; i < 100; ++i)
    EXPECT_FALSE(policy.OnEnd(WorkerEnd::kCrashed, kBegin, kBegin + i * (minutes(5) + seconds(1)))
                     .condemned);
}

TEST(RestartPolicy, KillsFromOutsideAreNoStrikes) {
  RestartPolicy policy;
  for (int i = 0; i < 1000; ++i)
    EXPECT_FALSE(policy.OnEnd(WorkerEnd::kKilledOutside, kBegin, kBegin).condemned);
  EXPECT_EQ(policy.strikes(), 0);
  EXPECT_EQ(policy.OnEnd(WorkerEnd::kKilledOutside, kBegin, kBegin).wait, kKilledWaitMax);
}

TEST(RestartPolicy, WaitsGrowWhileWorkersDieYoungAndBeginAnewAfterASteadyOne) {
  RestartPolicy policy;
  const auto young = [&] {
    return policy.OnEnd(WorkerEnd::kNoResources, kBegin, kBegin + milliseconds(1)).wait;
  };
  EXPECT_EQ(young(), milliseconds(0));
  EXPECT_EQ(young(), kRestartWaitFirst);
  EXPECT_EQ(young(), 2 * kRestartWaitFirst);
  for (int i = 0; i < 20; ++i) young();
  EXPECT_EQ(young(), kRestartWaitMax);
  EXPECT_EQ(policy.OnEnd(WorkerEnd::kNoResources, kBegin, kBegin + kSteadyAfter).wait,
            milliseconds(0));
}

}  // namespace
}  // namespace kedge::agent
