// SPDX-License-Identifier: Apache-2.0
#include "fleet/selection.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <set>

namespace kedge::fleet {
namespace {

using Names = std::vector<std::string>;

const Names kFleet = {"cam-1", "cam-2", "cam-3", "gate-1", "gate-2"};

Roster MakeRoster(const Selection& selection, const Names& devices,
                  const std::string& chance = "seed") {
  return Roster(selection, devices, chance, DrawLimit(selection, devices, chance));
}

Names Select(const Selection& selection, const Names& devices, const std::string& chance = "seed") {
  Names names;
  for (const Chosen& one : MakeRoster(selection, devices, chance).After("", devices.size())) {
    EXPECT_FALSE(one.reason.empty());
    names.push_back(one.device);
  }
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  return names;
}

Names Numbered(int count) {
  Names devices;
  for (int i = 0; i < count; ++i) devices.push_back("device-" + std::to_string(1000 + i));
  return devices;
}

TEST(Selection, TakesNamedDevicesOnce) {
  EXPECT_EQ(
      Select({.kind = Selection::Kind::kSelection, .names = {"gate-1", "cam-2", "cam-2"}}, kFleet),
      (Names{"cam-2", "gate-1"}));
}

TEST(Selection, TakesDevicesWhoseNameContainsTheText) {
  EXPECT_EQ(Select({.kind = Selection::Kind::kNameContains, .contains = "gate"}, kFleet),
            (Names{"gate-1", "gate-2"}));
}

TEST(Selection, PercentageIsRoundedUpAndNested) {
  const Names devices = Numbered(101);
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

TEST(Selection, ADrawStaysWhenTheFleetChanges) {
  const Selection half{.kind = Selection::Kind::kPercentage, .percentage = 50};
  Names devices = Numbered(40);
  const std::string limit = DrawLimit(half, devices, "seed");
  const auto before = Roster(half, devices, "seed", limit).After("", 40);
  devices.erase(devices.begin() + 3);
  devices.push_back("device-9999");
  std::set<std::string> after;
  for (const Chosen& one : Roster(half, devices, "seed", limit).After("", 41)) {
    after.insert(one.device);
  }
  for (const Chosen& one : before) {
    if (one.device == "device-1003") continue;
    EXPECT_TRUE(after.contains(one.device)) << one.device;
  }
}

TEST(Roster, GoesOnAfterADevice) {
  const Roster roster =
      MakeRoster({.kind = Selection::Kind::kPercentage, .percentage = 60}, Numbered(50));
  const auto all = roster.After("", 50);
  ASSERT_EQ(all.size(), 30u);
  std::vector<Chosen> pieces;
  std::string after;
  while (roster.AnyAfter(after)) {
    for (Chosen& one : roster.After(after, 7)) pieces.push_back(std::move(one));
    after = pieces.back().device;
  }
  EXPECT_EQ(pieces, all);
}

TEST(Roster, ControlPeersAreOutsideTheStageAndSpread) {
  const Names devices = Numbered(200);
  const auto chosen =
      MakeRoster({.kind = Selection::Kind::kPercentage, .percentage = 50}, devices).After("", 200);
  std::set<std::string> inside;
  for (const Chosen& one : chosen) inside.insert(one.device);
  std::set<std::string> peers;
  for (const Chosen& one : chosen) {
    ASSERT_TRUE(one.control_peer);
    EXPECT_FALSE(inside.contains(*one.control_peer));
    EXPECT_TRUE(std::binary_search(devices.begin(), devices.end(), *one.control_peer));
    peers.insert(*one.control_peer);
  }
  EXPECT_GT(peers.size(), 40u);  // 100 draws from 100 give about 63 different ones
}

TEST(Roster, AWholeFleetHasNobodyToCompareWith) {
  for (const Chosen& one :
       MakeRoster({.kind = Selection::Kind::kPercentage, .percentage = 100}, kFleet).After("", 9)) {
    EXPECT_FALSE(one.control_peer);
  }
}

}  // namespace
}  // namespace kedge::fleet
