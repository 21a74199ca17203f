// What every engine must do with the tables of deployments.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "store/tables/deployments.h"
#include "store/tables/desired_models.h"
#include "store/testing/conformance.h"

namespace kedge::store {
namespace {

Status AddStageDevice(Transaction& transaction, const StageDevice& device) {
  return InsertStageDevices(transaction, std::span(&device, 1));
}

TEST_P(StoreConformance, ListsStageDevicesAndWhereElseTheyAreDeployed) {
  AddFleet("lab");
  Write([](Transaction& t) -> Status {
    KEDGE_TRY_STATUS(
        InsertPlan(t, {.name = "plan", .fleet = "lab", .model_configs = "[]", .chance = "x"}));
    for (const char* stage : {"one", "two"}) {
      KEDGE_TRY_STATUS(InsertStage(t, {.plan = "plan",
                                       .name = stage,
                                       .position = stage[0] == 't',
                                       .selection = "{}",
                                       .policy = "DO_NOTHING",
                                       .status = "READYTODEPLOY"}));
      for (const char* device : {"d1", "d2"}) {
        const bool deployed = stage[0] == 'o' && device[1] == '1';
        KEDGE_TRY_STATUS(AddStageDevice(t, {.plan = "plan",
                                            .stage = stage,
                                            .fleet = "lab",
                                            .device = device,
                                            .status = deployed ? "DEPLOYED" : "INPROGRESS"}));
      }
    }
    return {};
  });
  Read([](Transaction& t) -> Status {
    KEDGE_TRY(const auto all, ListStageDevices(t, {.plan = "plan", .stage = "two"}, {}));
    EXPECT_EQ(all.page.items.size(), 2u);
    EXPECT_EQ(all.elsewhere.at(0), "one");
    EXPECT_FALSE(all.elsewhere.at(1));
    KEDGE_TRY(const auto others,
              ListStageDevices(
                  t, {.plan = "plan", .stage = "two", .exclude_deployed_elsewhere = true}, {}));
    EXPECT_EQ(others.page.items.size(), 1u);
    EXPECT_EQ(others.page.items.at(0).device, "d2");
    KEDGE_TRY(const auto page,
              ListStageDevices(t, {.plan = "plan", .stage = "two"}, {.rows_max = 1}));
    EXPECT_TRUE(page.page.next);
    return {};
  });
}

// A plan "plan" of fleet "lab" with one stage "all" that was started.
Status AddStartedStage(Transaction& transaction) {
  KEDGE_TRY_STATUS(InsertPlan(
      transaction, {.name = "plan", .fleet = "lab", .model_configs = "[]", .chance = "x"}));
  Stage stage{.plan = "plan",
              .name = "all",
              .selection = "{}",
              .policy = "DO_NOTHING",
              .status = "READYTODEPLOY"};
  KEDGE_TRY_STATUS(InsertStage(transaction, stage));
  KEDGE_TRY(stage.start_number, NextStartNumber(transaction));
  stage.status = "STARTING";
  stage.phase = "ASSIGN";
  stage.deployment_name = "deployment-1";
  stage.step = 1;
  KEDGE_TRY(const bool started, StartStageRow(transaction, stage, 0));
  EXPECT_TRUE(started);
  return {};
}

TEST_P(StoreConformance, AStageIsAdvancedOnceAStep) {
  AddFleet("lab");
  Write(AddStartedStage);
  Write([](Transaction& t) -> Status {
    KEDGE_TRY(const auto moving, MovingStages(t, 5));
    EXPECT_EQ(moving.size(), 1u);
    Stage stage = moving.at(0);
    stage.step = 2;
    stage.after_device = "d7";
    KEDGE_TRY(const bool first, AdvanceStageRow(t, stage, 1, {.pending = 5}));
    EXPECT_TRUE(first);
    KEDGE_TRY(const bool twice, AdvanceStageRow(t, stage, 1, {.pending = 5}));
    EXPECT_FALSE(twice);
    stage.deployment_name = "deployment-0";
    KEDGE_TRY(const bool former_start, AdvanceStageRow(t, stage, 2, {.pending = 5}));
    EXPECT_FALSE(former_start);
    KEDGE_TRY_STATUS(ChangeCounts(t, "plan", "all", {.pending = -2, .deployed = 1, .failed = 1}));
    KEDGE_TRY_STATUS(SetStageStatus(t, "plan", "all", "FAILED"));
    KEDGE_TRY(const auto found, FindStageOfDeployment(t, "deployment-1"));
    stage = *found;
    EXPECT_EQ(stage.step, 2);
    EXPECT_EQ(stage.after_device, "d7");
    EXPECT_EQ(stage.pending, 3);
    EXPECT_EQ(stage.deployed, 1);
    EXPECT_EQ(stage.failed, 1);
    EXPECT_EQ(stage.status, "FAILED");
    KEDGE_TRY(const int64_t number, NextStartNumber(t));
    EXPECT_EQ(number, 2);
    return {};
  });
}

TEST_P(StoreConformance, StageDevicesMoveStopAndGoInPieces) {
  AddFleet("lab");
  Write(AddStartedStage);
  Write([](Transaction& t) -> Status {
    KEDGE_TRY(const auto found, FindStage(t, "plan", "all"));
    const Stage& stage = *found;
    for (const char* name : {"d1", "d2", "d3"}) {
      KEDGE_TRY_STATUS(AddStageDevice(t, {.plan = "plan",
                                          .stage = "all",
                                          .fleet = "lab",
                                          .device = name,
                                          .status = "READYTODEPLOY",
                                          .reason = "drawn",
                                          .control_peer = "d9"}));
    }
    KEDGE_TRY(const auto d1, FindStageDevice(t, "plan", "all", "d1"));
    StageDevice device = *d1;
    EXPECT_EQ(device.control_peer, "d9");
    device.status = "DEPLOYED";
    KEDGE_TRY(const bool stale, MoveStageDevice(t, device, "INPROGRESS"));
    EXPECT_FALSE(stale);
    KEDGE_TRY(const bool moved, MoveStageDevice(t, device, "READYTODEPLOY"));
    EXPECT_TRUE(moved);
    KEDGE_TRY(const auto pending, PendingStageDevices(t, stage, "", 9));
    EXPECT_EQ(pending, (std::vector<std::string>{"d2", "d3"}));
    KEDGE_TRY(const auto rest, PendingStageDevices(t, stage, "d2", 9));
    EXPECT_EQ(rest, (std::vector<std::string>{"d3"}));
    const std::vector<std::string> all = {"d1", "d2", "d3"};
    KEDGE_TRY(const int64_t stopped, StopStageDevices(t, stage, all, "stop"));
    EXPECT_EQ(stopped, 2);
    KEDGE_TRY(const int64_t two, DeleteStageDevices(t, "plan", "all", 2));
    EXPECT_EQ(two, 2);
    KEDGE_TRY(const int64_t last, DeleteStageDevices(t, "plan", "all", 2));
    EXPECT_EQ(last, 1);
    return {};
  });
}

TEST_P(StoreConformance, DesiredModelsChangeOnlyAsTheyWereRead) {
  AddFleet("lab");
  AddDevice("lab", "d1");
  const fleet::DesiredModel one{.current = {.name = "one", .number = 1}};
  const fleet::DesiredModel two{.current = {.name = "two", .number = 2},
                                .state = fleet::DesiredState::kTaken,
                                .former = fleet::Deployment{.name = "one", .number = 1}};
  const auto put = [](Transaction& t, const char* device, fleet::Desired before,
                      fleet::Desired after) {
    const DesiredChange change{.device = device,
                               .model_handle = "eyes",
                               .before = std::move(before),
                               .after = std::move(after)};
    return ChangeDesired(t, "lab", std::span(&change, 1));
  };
  Write([&](Transaction& t) -> Status {
    KEDGE_TRY_STATUS(put(t, "d1", std::nullopt, one));
    KEDGE_TRY_STATUS(put(t, "d1", one, two));
    KEDGE_TRY(const auto rows, DesiredModels(t, "lab", "d1"));
    EXPECT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows.at(0).model, two);
    return {};
  });
  const struct {
    const char* name;
    Work work;
    Code want;
  } cases[] = {
      {"was there", [&](Transaction& t) { return put(t, "d1", std::nullopt, one); },
       Code::kUnavailable},
      {"was another", [&](Transaction& t) { return put(t, "d1", one, two); }, Code::kUnavailable},
      {"was another, gone", [&](Transaction& t) { return put(t, "d1", one, std::nullopt); },
       Code::kUnavailable},
      {"no such device", [&](Transaction& t) { return put(t, "d9", std::nullopt, one); },
       Code::kFailedPrecondition},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto status = store_->Write(c.work);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, c.want) << status.error().message;
  }
  Write([&](Transaction& t) -> Status {
    KEDGE_TRY_STATUS(put(t, "d1", two, std::nullopt));
    KEDGE_TRY(const auto rows, DesiredModelsBetween(t, "lab", "a", "z"));
    EXPECT_TRUE(rows.empty());
    return {};
  });
}

TEST_P(StoreConformance, DefinitionsStayWhileADeviceOrAStageRefersToThem) {
  AddFleet("lab");
  AddDevice("lab", "d1");
  Write(AddStartedStage);
  Write([](Transaction& t) -> Status {
    for (const char* name : {"deployment-1", "current", "former", "unused"}) {
      KEDGE_TRY_STATUS(InsertDefinition(
          t, name,
          {.model_handle = "eyes", .uri = "s3://b/k", .sha1 = "0", .policy = "DO_NOTHING"}));
    }
    KEDGE_TRY_STATUS(InsertStageAdvance(t, {.deployment_name = "deployment-1", .step = 1}));
    KEDGE_TRY_STATUS(InsertStageAdvance(t, {.deployment_name = "unused", .step = 1}));
    const DesiredChange change{
        .device = "d1",
        .model_handle = "eyes",
        .after = fleet::DesiredModel{.current = {.name = "current", .number = 2},
                                     .former = fleet::Deployment{.name = "former", .number = 1}}};
    KEDGE_TRY_STATUS(ChangeDesired(t, "lab", std::span(&change, 1)));
    return DeleteUnusedDeployments(t);
  });
  Read([](Transaction& t) -> Status {
    for (const auto& [name, want] :
         {std::pair{"deployment-1", 1u}, {"current", 1u}, {"former", 1u}, {"unused", 0u}}) {
      SCOPED_TRACE(name);
      KEDGE_TRY(const auto definitions, Definitions(t, name));
      EXPECT_EQ(definitions.size(), want);
    }
    KEDGE_TRY(const Rows advances, t.Query("SELECT deployment_name FROM stage_advances"));
    EXPECT_EQ(advances.size(), 1u);
    KEDGE_TRY(const auto packages, DesiredPackages(t, "lab", "d1"));
    EXPECT_EQ(packages.size(), 1u);
    EXPECT_EQ(packages.at(0).uri, "s3://b/k");
    EXPECT_EQ(packages.at(0).policy, "DO_NOTHING");
    return {};
  });
}

}  // namespace
}  // namespace kedge::store
