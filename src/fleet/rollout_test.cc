// SPDX-License-Identifier: Apache-2.0
#include "fleet/rollout.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace kedge::fleet {
namespace {

using Names = std::vector<std::string>;

const Names kFleet = {"cam-1", "cam-2", "cam-3", "gate-1", "gate-2"};

Names Select(const Selection& selection, std::span<const std::string> devices,
             std::string_view chance = "seed") {
  auto chosen = SelectDevices(selection, devices, chance);
  EXPECT_TRUE(chosen);
  Names names;
  for (const Chosen& one : *chosen) {
    EXPECT_FALSE(one.reason.empty());
    names.push_back(one.device);
  }
  std::sort(names.begin(), names.end());
  return names;
}

TEST(Selection, TakesNamedDevicesOnce) {
  EXPECT_EQ(
      Select({.kind = Selection::Kind::kSelection, .names = {"gate-1", "cam-2", "cam-2"}}, kFleet),
      (Names{"cam-2", "gate-1"}));
}

TEST(Selection, NamesTheDeviceThatIsNotInTheFleet) {
  const auto chosen =
      SelectDevices({.kind = Selection::Kind::kSelection, .names = {"cam-9"}}, kFleet, "seed");
  ASSERT_FALSE(chosen);
  EXPECT_EQ(chosen.error(), InvalidArgument("no device with name 'cam-9' in the fleet"));
}

TEST(Selection, TakesDevicesWhoseNameContainsTheText) {
  EXPECT_EQ(Select({.kind = Selection::Kind::kNameContains, .contains = "gate"}, kFleet),
            (Names{"gate-1", "gate-2"}));
}

TEST(Selection, PercentageIsRoundedUpAndNested) {
  Names devices;
  for (int i = 0; i < 101; ++i) devices.push_back("device-" + std::to_string(1000 + i));
  const struct {
    int64_t percentage;
    size_t want;
  } cases[] = {{0, 0}, {1, 2}, {10, 11}, {50, 51}, {100, 101}};
  Names smaller;
  for (const auto& c : cases) {
    SCOPED_TRACE(c.percentage);
    const Names chosen =
        Select({.kind = Selection::Kind::kPercentage, .percentage = c.percentage}, devices);
    EXPECT_EQ(chosen.size(), c.want);
    EXPECT_TRUE(std::includes(chosen.begin(), chosen.end(), smaller.begin(), smaller.end()));
    smaller = chosen;
  }
}

TEST(Selection, PercentageDependsOnTheDrawOnly) {
  const Selection half{.kind = Selection::Kind::kPercentage, .percentage = 40};
  EXPECT_EQ(Select(half, kFleet, "a"), Select(half, kFleet, "a"));
  bool differs = false;
  for (const char* chance : {"b", "c", "d", "e", "f", "g"}) {
    differs = differs || Select(half, kFleet, chance) != Select(half, kFleet, "a");
  }
  EXPECT_TRUE(differs);
}

TEST(Device, EventsMoveItOnceAndMayBeRepeated) {
  using enum DeviceStatus;
  const struct {
    DeviceStatus from;
    std::optional<DeviceStatus> pickup, success, failure, stop;
  } cases[] = {
      {kReadyToDeploy, kInProgress, kDeployed, kFailed, kStopped},
      {kInProgress, std::nullopt, kDeployed, kFailed, kStopped},
      {kDeployed, std::nullopt, std::nullopt, std::nullopt, std::nullopt},
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

TEST(Stage, EndsWhenNoDeviceIsPending) {
  using enum StageStatus;
  const struct {
    StageStatus status;
    Counts counts;
    StageStatus want;
  } cases[] = {
      {kInProgress, {.pending = 1, .deployed = 4}, kInProgress},
      {kInProgress, {.pending = 0, .deployed = 5}, kDeployed},
      {kInProgress, {.pending = 0, .deployed = 4, .failed = 1}, kFailed},
      {kInProgress, {.pending = 2, .failed = 1}, kInProgress},
      {kStopped, {.pending = 0, .deployed = 5}, kStopped},
      {kReadyToDeploy, {}, kReadyToDeploy},
  };
  for (const auto& c : cases) EXPECT_EQ(Name(StageAfter(c.status, c.counts)), Name(c.want));
}

TEST(Stage, CountsFollowItsDevices) {
  using enum DeviceStatus;
  Counts counts{.pending = 2};
  counts = Moved(counts, kReadyToDeploy, kInProgress);
  EXPECT_EQ(counts, (Counts{.pending = 2}));
  counts = Moved(counts, kInProgress, kDeployed);
  EXPECT_EQ(counts, (Counts{.pending = 1, .deployed = 1}));
  counts = Moved(counts, kReadyToDeploy, kStopped);
  EXPECT_EQ(counts, (Counts{.deployed = 1}));
  counts = Moved(counts, kStopped, kFailed);
  EXPECT_EQ(counts, (Counts{.deployed = 1, .failed = 1}));
}

TEST(Desired, NewestDeploymentOfAHandleWins) {
  using enum DeviceStatus;
  const struct {
    const char* name;
    std::vector<Assigned> newest_first;
    std::vector<Names> want;
  } cases[] = {
      {"one", {{kReadyToDeploy, true, {"a"}}}, {{"a"}}},
      {"newer hides older",
       {{kInProgress, true, {"a"}}, {kDeployed, true, {"a", "b"}}},
       {{"a"}, {"b"}}},
      {"rolled back", {{kFailed, true, {"a"}}, {kDeployed, true, {"a"}}}, {{}, {"a"}}},
      {"left as it is", {{kFailed, false, {"a"}}, {kDeployed, true, {"a"}}}, {{}, {}}},
      {"stopped", {{kStopped, true, {"a"}}, {kDeployed, true, {"a"}}}, {{}, {"a"}}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(DesiredHandles(c.newest_first), c.want);
  }
}

TEST(Status, NamesReadBack) {
  for (int i = 0; i < 8; ++i) {
    const auto status = static_cast<StageStatus>(i);
    EXPECT_EQ(*ParseStageStatus(Name(status)), status);
  }
  for (int i = 0; i < 6; ++i) {
    const auto status = static_cast<DeviceStatus>(i);
    EXPECT_EQ(*ParseDeviceStatus(Name(status)), status);
  }
  EXPECT_FALSE(ParseStageStatus("DONE"));
  EXPECT_FALSE(ParseDeviceStatus("CREATING"));
}

}  // namespace
}  // namespace kedge::fleet
