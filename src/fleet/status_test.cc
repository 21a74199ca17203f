// SPDX-License-Identifier: Apache-2.0
#include "fleet/status.h"

#include <gtest/gtest.h>

namespace kedge::fleet {
namespace {

TEST(Device, EventsMoveItUpAndMayBeRepeated) {
  using enum DeviceStatus;
  const struct {
    DeviceStatus from;
    std::optional<DeviceStatus> pickup, success, failure, stop;
  } cases[] = {
      {kReadyToDeploy, kInProgress, kDeployed, kFailed, kStopped},
      {kInProgress, std::nullopt, kDeployed, kFailed, kStopped},
      {kDeployed, std::nullopt, std::nullopt, kFailed, std::nullopt},
      {kFailed, std::nullopt, std::nullopt, std::nullopt, std::nullopt},
      {kStopped, std::nullopt, kDeployed, kFailed, std::nullopt},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(Name(c.from));
    EXPECT_EQ(AfterPickup(c.from), c.pickup);
    EXPECT_EQ(AfterResult(c.from, true), c.success);
    EXPECT_EQ(AfterResult(c.from, false), c.failure);
    EXPECT_EQ(AfterStop(c.from), c.stop);
  }
}

TEST(Device, ReportsEndAlikeInEveryOrder) {
  for (const bool first : {true, false}) {
    DeviceStatus status = DeviceStatus::kInProgress;
    for (const bool succeeded : {first, !first}) {
      status = AfterResult(status, succeeded).value_or(status);
    }
    EXPECT_EQ(status, DeviceStatus::kFailed);
  }
}

TEST(Counts, FollowADevice) {
  using enum DeviceStatus;
  const Counts counts = Counts{.pending = 3} + (CountOf(kDeployed) - CountOf(kInProgress));
  EXPECT_EQ(counts, (Counts{.pending = 2, .deployed = 1}));
  EXPECT_EQ(counts + (CountOf(kFailed) - CountOf(kDeployed)), (Counts{.pending = 2, .failed = 1}));
  EXPECT_EQ(counts + (CountOf(kStopped) - CountOf(kReadyToDeploy)),
            (Counts{.pending = 1, .deployed = 1}));
}

TEST(Names, AreReadBack) {
  for (const char* name : {"CREATING", "READYTODEPLOY", "STARTING", "INPROGRESS", "DEPLOYED",
                           "FAILED", "STOPPING", "STOPPED"}) {
    EXPECT_EQ(Name(*ParseStageStatus(name)), name);
  }
  for (const char* name :
       {"READYTODEPLOY", "INPROGRESS", "DEPLOYED", "FAILED", "STOPPING", "STOPPED"}) {
    EXPECT_EQ(Name(*ParseDeviceStatus(name)), name);
  }
  EXPECT_EQ(ParseStageStatus("running").error(), InvalidArgument("unknown state 'running'"));
  EXPECT_EQ(ParseDeviceStatus("").error(), InvalidArgument("unknown state ''"));
}

}  // namespace
}  // namespace kedge::fleet
