// SPDX-License-Identifier: Apache-2.0
#include "agent/update/device_state.h"

#include <gtest/gtest.h>
#include <set>

namespace kedge::agent {
namespace {

DeviceState FullState() {
  const InstalledVersion one{std::string(64, '1'), "face", "1.0", std::string(40, 'a'), "plan-1"};
  const InstalledVersion two{std::string(64, '2'), "face", "2.0", std::string(40, 'b'), "plan-2"};
  DeviceState state;
  state.models = {{"face", two, one}, {"voice", one, std::nullopt}};
  state.update = ActiveUpdate{
      .deployment = {"plan-3",
                     protocol::FailurePolicy::kNothing,
                     {{"face", "s3://b/k", std::string(40, 'c'), protocol::ModelState::kDeploy},
                      {"voice", "", "", protocol::ModelState::kUndeploy}}},
      .started = 1'790'000'000'123,
      .state = UpdateState::kProbing,
      .candidates = {{one, ""}, {{}, "why"}}};
  state.unreported = {{.deployment_name = "plan-2", .deployment_status = "SUCCESS"}};
  state.finished = {"fingerprint"};
  state.starts = 7;
  state.crashes = 2;
  state.running = true;
  return state;
}

TEST(DeviceState, SurvivesTheTripThroughText) {
  const auto read = ParseDeviceState(WriteDeviceState(FullState()));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, FullState());
  EXPECT_EQ(*ParseDeviceState(WriteDeviceState({})), DeviceState());
}

TEST(DeviceState, NamesEveryPackageItNeeds) {
  const auto digests = FullState().ReferencedPackages();
  EXPECT_EQ(std::set(digests.begin(), digests.end()),
            (std::set{std::string(64, '1'), std::string(64, '2')}));
}

// The text's checksum may be right and the text still hostile: nothing in it may lead outside.
TEST(DeviceState, RefusesWhatItWouldNotWrite) {
  struct Case {
    const char* name;
    const char* from;
    const char* to;
  };
  const Case cases[] = {
      {"digest with a path", "1111", "../1"},
      {"handle with a path", "\"handle\":\"voice\"", "\"handle\":\"../v\""},
      {"state without name", "\"probing\"", "\"dreaming\""},
      {"an update cannot be idle", "\"probing\"", "\"idle\""},
      {"counts", "\"starts\":7", "\"starts\":-1"},
      {"candidates", "\"failure\":\"why\"}", "\"failure\":\"why\"},{}"},
      {"deployment", "\"listed\"", "\"lost\""},
      {"no object", "{", "[{"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    std::string text = WriteDeviceState(FullState());
    const size_t at = text.find(c.from);
    ASSERT_NE(at, std::string::npos);
    text.replace(at, std::string_view(c.from).size(), c.to);
    const auto read = ParseDeviceState(text);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Code::kInvalidArgument);
  }
}

TEST(Transitions, HaveOneRowForAStateAndAnEvent) {
  std::set<std::pair<UpdateState, UpdateEvent>> seen;
  for (const Transition& row : kTransitions)
    EXPECT_TRUE(seen.insert({row.from, row.event}).second) << UpdateStateText(row.from);
}

TEST(Transitions, LeadFromEveryStateBackToIdle) {
  for (const UpdateStateName& row : kUpdateStateNames) {
    SCOPED_TRACE(row.name);
    std::set<UpdateState> reached = {row.state};
    for (size_t i = 0; i < std::size(kTransitions); ++i)
      for (const Transition& transition : kTransitions)
        if (reached.contains(transition.from)) reached.insert(transition.to);
    EXPECT_TRUE(reached.contains(UpdateState::kIdle));
  }
}

}  // namespace
}  // namespace kedge::agent
