// Deployments over a fleet that is too large for one transaction: advances by the leased loop, and
// what a device should have meanwhile.
// SPDX-License-Identifier: Apache-2.0
#include "server/api/rollout.h"

#include <gtest/gtest.h>

#include "server/api/desired_state.h"
#include "server/api/stage_advance.h"
#include "server/testing/test_server.h"
#include "store/tables/desired_models.h"

namespace kedge::server {
namespace {

constexpr int kDevices = 2 * static_cast<int>(kAdvanceDevicesMax) + 100;

class RolloutTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = TestServer::Make();
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    server_->Must("CreateDeviceFleet",
                  R"({"DeviceFleetName":"lab","RoleArn":"arn:aws:iam::000000000000:role/edge",
                      "OutputConfig":{"S3OutputLocation":"s3://bucket/out"}})");
    std::string devices;
    for (int i = 1; i <= kDevices; ++i) {
      devices +=
          (devices.empty() ? "" : ",") + std::string(R"({"DeviceName":")") + NameOf(i) + "\"}";
      if (i % kAdvanceDevicesMax != 0 && i < kDevices) continue;
      server_->Must("RegisterDevices", R"({"DeviceFleetName":"lab","Devices":[)" + devices + "]}");
      devices.clear();
    }
    for (const char* job : {"pack-1", "pack-2"}) {
      server_->AddCompletedPackage(job, std::string("s3://models/") + job);
    }
    AcquireLease("a");
  }

  static std::string NameOf(int i) { return "d" + std::to_string(10'000 + i); }
  static std::string StageBody(const std::string& plan) {
    return R"({"EdgeDeploymentPlanName":")" + plan + R"(","StageName":"all"})";
  }
  void AddPlan(const std::string& name, const std::string& job, int percentage = 100) {
    server_->Must(
        "CreateEdgeDeploymentPlan",
        R"({"EdgeDeploymentPlanName":")" + name +
            R"(","DeviceFleetName":"lab","ModelConfigs":[{"ModelHandle":"eyes","EdgePackagingJobName":")" +
            job +
            R"("}],"Stages":[{"StageName":"all","DeviceSelectionConfig":{"DeviceSubsetType":"PERCENTAGE","Percentage":)" +
            std::to_string(percentage) + "}}]}");
  }
  void Write(const store::Work& work) {
    const Status status = server_->store().Write(work);
    ASSERT_TRUE(status) << status.error().message;
  }
  void AcquireLease(const std::string& node) {
    Write([&](store::Transaction& transaction) -> Status {
      server_->clock().Advance(kLeaseTtl * 2);
      KEDGE_TRY(lease_, store::AcquireLease(transaction, {.name = std::string(kStagesLease),
                                                          .holder = node,
                                                          .now = server_->clock().NowMs(),
                                                          .ttl_ms = kLeaseTtl.count()}));
      return {};
    });
  }
  // Advances until nothing moves, each step by an advancer that knows nothing of the former one, as
  // after a kill. The number of steps.
  int AdvanceToTheEnd() {
    for (int steps = 0;; ++steps) {
      StageAdvancer advancer(server_->store(), server_->clock(), "a");
      const auto step = advancer.Step(*lease_);
      if (!step) ADD_FAILURE() << step.error().message;
      if (!step || *step == LeasedStep::kIdle) return steps;
    }
  }
  store::Stage Stage(const std::string& plan) {
    std::optional<store::Stage> stage;
    EXPECT_TRUE(server_->store().Read([&](store::Transaction& transaction) -> Status {
      KEDGE_TRY(stage, store::FindStage(transaction, plan, "all"));
      return {};
    }));
    return *stage;
  }
  // "DEPLOYED 3, FAILED 1": rows of a stage's devices by state.
  std::map<std::string, int64_t> Rows(const std::string& plan) {
    std::map<std::string, int64_t> rows;
    EXPECT_TRUE(server_->store().Read([&](store::Transaction& transaction) -> Status {
      KEDGE_TRY(const store::Rows found,
                transaction.Query("SELECT status, COUNT(*) FROM stage_devices WHERE plan = $1 "
                                  "GROUP BY status",
                                  {plan}));
      for (const store::Row& row : found) rows[row.Text(0)] = row.Integer(1);
      return {};
    }));
    return rows;
  }
  // URI of what a device should have; empty: nothing.
  std::string Wanted(const std::string& device) {
    DesiredDeployments desired;
    EXPECT_TRUE(server_->store().Read([&](store::Transaction& transaction) -> Status {
      KEDGE_TRY(desired, DesiredState(transaction, "lab", device));
      return {};
    }));
    if (desired.deployments.empty()) return "";
    return desired.deployments.at(0).definitions.at(0).s3_url;
  }
  void Report(const std::string& device, const std::string& plan, bool succeeded) {
    const std::string name = *Stage(plan).deployment_name;
    Write([&](store::Transaction& transaction) {
      return RecordResult(
          transaction, {.device_name = device, .device_fleet_name = "lab"},
          {.deployment_name = name, .models = {{.model_handle = "eyes", .succeeded = succeeded}}});
    });
  }

  std::unique_ptr<TestServer> server_;
  std::optional<store::Lease> lease_;
};

using Counted = std::map<std::string, int64_t>;

TEST_F(RolloutTest, ALargeStageStartsAndStopsInAdvances) {
  AddPlan("plan", "pack-1");
  server_->Must("StartEdgeDeploymentStage", StageBody("plan"));
  EXPECT_EQ(Stage("plan").status, "STARTING");
  EXPECT_EQ(AdvanceToTheEnd(), 5);  // clear, draw, 500, 500, 100 devices
  EXPECT_EQ(Stage("plan").status, "INPROGRESS");
  EXPECT_EQ(Stage("plan").pending, kDevices);
  EXPECT_EQ(Rows("plan"), (Counted{{"READYTODEPLOY", kDevices}}));
  EXPECT_EQ(Wanted(NameOf(1)), "s3://models/pack-1");
  Report(NameOf(7), "plan", true);
  server_->Must("StopEdgeDeploymentStage", StageBody("plan"));
  EXPECT_EQ(Stage("plan").status, "STOPPING");
  EXPECT_EQ(AdvanceToTheEnd(), 3);
  EXPECT_EQ(Stage("plan").status, "STOPPED");
  EXPECT_EQ(Rows("plan"), (Counted{{"DEPLOYED", 1}, {"STOPPED", kDevices - 1}}));
  EXPECT_EQ(Wanted(NameOf(1)), "");
  EXPECT_EQ(Wanted(NameOf(7)), "s3://models/pack-1");
}

TEST_F(RolloutTest, AStageMayBeStoppedWhileItStartsAndStartedAgain) {
  AddPlan("plan", "pack-1");
  server_->Must("StartEdgeDeploymentStage", StageBody("plan"));
  StageAdvancer advancer(server_->store(), server_->clock(), "a");
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(advancer.Step(*lease_));
  EXPECT_EQ(Rows("plan"), (Counted{{"READYTODEPLOY", kAdvanceDevicesMax}}));
  server_->Must("StopEdgeDeploymentStage", StageBody("plan"));
  AdvanceToTheEnd();
  EXPECT_EQ(Rows("plan"), (Counted{{"STOPPED", kAdvanceDevicesMax}}));
  server_->Must("StartEdgeDeploymentStage", StageBody("plan"));
  AdvanceToTheEnd();
  EXPECT_EQ(Rows("plan"), (Counted{{"READYTODEPLOY", kDevices}}));
  EXPECT_EQ(Stage("plan").pending, kDevices);
}

TEST_F(RolloutTest, AFormerHolderOfTheLeaseAdvancesNothing) {
  AddPlan("plan", "pack-1");
  server_->Must("StartEdgeDeploymentStage", StageBody("plan"));
  const store::Lease former = *lease_;
  AcquireLease("b");
  StageAdvancer advancer(server_->store(), server_->clock(), "a");
  const auto step = advancer.Step(former);
  ASSERT_FALSE(step);
  EXPECT_EQ(step.error().code, Code::kAborted);
  EXPECT_EQ(Stage("plan").phase, "CLEAR");
}

TEST_F(RolloutTest, ANewerDeploymentTakesOverAndEndsTheOlderStage) {
  AddPlan("old", "pack-1");
  AddPlan("new", "pack-2", 50);
  server_->Must("StartEdgeDeploymentStage", StageBody("old"));
  AdvanceToTheEnd();
  server_->Must("StartEdgeDeploymentStage", StageBody("new"));
  AdvanceToTheEnd();
  EXPECT_EQ(Stage("old").pending, kDevices / 2);
  EXPECT_EQ(Rows("old"), (Counted{{"READYTODEPLOY", kDevices / 2}, {"STOPPED", kDevices / 2}}));
  EXPECT_EQ(Rows("new"), (Counted{{"READYTODEPLOY", kDevices / 2}}));
}

TEST_F(RolloutTest, FailureGoesBackToTheDeploymentThatWorked) {
  AddPlan("old", "pack-1");
  AddPlan("new", "pack-2");
  const std::string device = NameOf(3);
  server_->Must("StartEdgeDeploymentStage", StageBody("old"));
  AdvanceToTheEnd();
  Report(device, "old", true);
  server_->Must("StartEdgeDeploymentStage", StageBody("new"));
  AdvanceToTheEnd();
  EXPECT_EQ(Wanted(device), "s3://models/pack-2");
  Report(device, "new", true);
  Report(device, "new", false);  // it worked, then the device went back by itself
  EXPECT_EQ(Wanted(device), "s3://models/pack-1");
  EXPECT_EQ(Stage("new").failed, 1);
  Report(device, "new", true);  // an older report comes late
  EXPECT_EQ(Stage("new").failed, 1);
  EXPECT_EQ(Stage("new").deployed, 0);
}

TEST_F(RolloutTest, ReasonsAndControlPeersAreRecorded) {
  AddPlan("plan", "pack-1", 10);
  server_->Must("StartEdgeDeploymentStage", StageBody("plan"));
  AdvanceToTheEnd();
  EXPECT_TRUE(server_->store().Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto page,
              store::ListStageDevices(transaction, {.plan = "plan", .stage = "all"}, {}));
    for (const store::StageDevice& device : page.page.items) {
      EXPECT_NE(device.reason.find("10 % of 1100 devices"), std::string::npos) << device.reason;
      EXPECT_TRUE(device.control_peer);
      KEDGE_TRY(const auto peer,
                store::FindStageDevice(transaction, "plan", "all", *device.control_peer));
      EXPECT_FALSE(peer);
    }
    return {};
  }));
  const json::Value listed = server_->Must(
      "ListStageChoices", R"({"EdgeDeploymentPlanName":"plan","StageName":"all","MaxResults":2})");
  ASSERT_EQ(listed.Find("StageChoices")->AsArray()->size(), 2u);
  EXPECT_NE(listed.Find("NextToken"), nullptr);
  const json::Value& first = listed.Find("StageChoices")->AsArray()->front();
  EXPECT_NE(first.StringOr("Reason", "").find("10 % of 1100 devices"), std::string::npos);
  EXPECT_NE(first.StringOr("ControlDeviceName", ""), "");
  EXPECT_EQ(first.StringOr("DeviceDeploymentStatus", ""), "READYTODEPLOY");
  EXPECT_EQ(Rows("plan"), (Counted{{"READYTODEPLOY", kDevices / 10}}));
}

TEST_F(RolloutTest, StagesAndPlansAreDeletedUnlessActive) {
  AddPlan("plan", "pack-1");
  const std::string plan = R"({"EdgeDeploymentPlanName":"plan"})";
  server_->Must("StartEdgeDeploymentStage", StageBody("plan"));
  AdvanceToTheEnd();
  Answer answer = server_->Call("DeleteEdgeDeploymentStage", StageBody("plan"));
  EXPECT_EQ(answer.error, "ResourceInUse");
  EXPECT_EQ(answer.message, "Stage all of plan plan is INPROGRESS and must be stopped first");
  answer = server_->Call("DeleteEdgeDeploymentPlan", plan);
  EXPECT_EQ(answer.error, "ResourceInUse");
  EXPECT_EQ(answer.message, "Edge deployment plan plan has the active stage all (INPROGRESS)");
  server_->Must("StopEdgeDeploymentStage", StageBody("plan"));
  AdvanceToTheEnd();
  server_->Must("DeleteEdgeDeploymentStage", StageBody("plan"));
  EXPECT_EQ(Rows("plan"), Counted{});
  server_->Must("DeleteEdgeDeploymentPlan", plan);
  EXPECT_EQ(server_->Call("DescribeEdgeDeploymentPlan", plan).error, "ResourceNotFound");
  EXPECT_EQ(server_->Call("DeleteEdgeDeploymentPlan", plan).error, "ValidationException");
}

TEST_F(RolloutTest, ADeviceThatLeavesHoldsUpNobody) {
  AddPlan("plan", "pack-1");
  server_->Must("StartEdgeDeploymentStage", StageBody("plan"));
  AdvanceToTheEnd();
  server_->Must("DeregisterDevices",
                R"({"DeviceFleetName":"lab","DeviceNames":[")" + NameOf(1) + "\"]}");
  EXPECT_EQ(Stage("plan").pending, kDevices - 1);
  EXPECT_EQ(Wanted(NameOf(1)), "");
}

}  // namespace
}  // namespace kedge::server
