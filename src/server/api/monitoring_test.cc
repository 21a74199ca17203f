// Definitions, schedules, executions and alerts through the API, and the leased step that queues
// and judges. SPDX-License-Identifier: Apache-2.0
#include "server/api/monitoring.h"

#include <gtest/gtest.h>

#include "server/monitoring/schedule_step.h"
#include "server/testing/test_server.h"

namespace kedge::server {
namespace {

constexpr char kFleet[] =
    R"({"DeviceFleetName":"lab","OutputConfig":{"S3OutputLocation":"s3://captures/out"}})";

// The members that all four kinds have, and the input.
std::string Definition(
    const std::string& kind, const std::string& name,
    const std::string& input = R"("EndpointInput":{"EndpointName":"lab","LocalPath":"/in"})") {
  const bool labels = kind == "ModelQuality" || kind == "ModelBias";
  const bool config = kind == "ModelBias" || kind == "ModelExplainability";
  return R"({"JobDefinitionName":")" + name + R"(",")" + kind +
         R"(AppSpecification":{"ImageUri":"kedge","Environment":{"KEDGE_MODEL":"shapes"})" +
         (config ? R"(,"ConfigUri":"s3://bkt/c.json")" : "") + R"(},")" + kind + R"(JobInput":{)" +
         input + (labels ? R"(,"GroundTruthS3Input":{"S3Uri":"s3://bkt/labels"})" : "") + R"(},")" +
         kind +
         R"(JobOutputConfig":{"MonitoringOutputs":[{"S3Output":{"S3Uri":"s3://bkt/reports","LocalPath":"/out"}}]},)" +
         R"("JobResources":{"ClusterConfig":{"InstanceCount":1,"InstanceType":"ml.m5.large","VolumeSizeInGB":1}},)" +
         R"("RoleArn":"arn:aws:iam::000000000000:role/kedge"})";
}

std::string Schedule(const std::string& name, const std::string& expression,
                     const std::string& definition = "d") {
  return R"({"MonitoringScheduleName":")" + name +
         R"(","MonitoringScheduleConfig":{"ScheduleConfig":{"ScheduleExpression":")" + expression +
         R"("},"MonitoringJobDefinitionName":")" + definition +
         R"(","MonitoringType":"DataQuality"}})";
}

class MonitoringTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = TestServer::Make();
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    server_->Must("CreateDeviceFleet", kFleet);
    ASSERT_TRUE(server_->store().Write([&](store::Transaction& transaction) -> Status {
      KEDGE_TRY(auto lease, store::AcquireLease(transaction, {.name = kMonitoringLease,
                                                              .holder = "test",
                                                              .now = server_->clock().NowMs(),
                                                              .ttl_ms = 1'000'000'000}));
      lease_ = *lease;
      return {};
    }));
  }
  // Steps until there is nothing to do; how many did something.
  int Step() {
    int steps = 0;
    for (;;) {
      const auto step =
          MonitoringStep(server_->store(), server_->clock(), lease_, server_->monitoring_jobs());
      EXPECT_TRUE(step) << step.error().message;
      if (!step || *step == LeasedStep::kIdle) return steps;
      ++steps;
    }
  }
  json::Array Executions(const std::string& filter = "{}") {
    return *server_->Must("ListMonitoringExecutions", filter)
                .Find("MonitoringExecutionSummaries")
                ->AsArray();
  }
  // The oldest execution that waits ends so.
  void End(const std::string& outcome) {
    ASSERT_TRUE(server_->store().Write([&](store::Transaction& transaction) -> Status {
      const EpochMs now = server_->clock().NowMs();
      KEDGE_TRY(const auto claim,
                store::ClaimJob(transaction, store::JobKind::kMonitoring,
                                {.holder = "node", .now = now, .lease_until = now + 1000}));
      if (!claim) return NotFound("no execution waits");
      KEDGE_TRY(
          [[maybe_unused]] const auto ended,
          store::EndJob(transaction, store::JobKind::kMonitoring, *claim,
                        {.status = std::string(store::kJobCompleted),
                         .time = now,
                         .reason = "",
                         .outputs = {.outcome = outcome, .exit_message = outcome + ": done"}}));
      return {};
    }));
  }
  void ExpectError(const Answer& answer, const std::string& code, const std::string& words) {
    EXPECT_EQ(answer.error, code);
    EXPECT_NE(answer.message.find(words), std::string::npos) << answer.message;
  }
  std::unique_ptr<TestServer> server_;
  store::Lease lease_;
};

TEST_F(MonitoringTest, DefinitionsOfEveryKindAreKeptAsGiven) {
  for (const std::string& kind : MonitoringKinds()) {
    SCOPED_TRACE(kind);
    const auto call = [&](const char* verb, const std::string& body) {
      return server_->Call(verb + kind + "JobDefinition", body);
    };
    const Answer made = call("Create", Definition(kind, "d"));
    EXPECT_EQ(made.status, 200) << made.message;
    ExpectError(call("Create", Definition(kind, "d")), "ResourceInUse", "already exists");
    const Answer described = call("Describe", R"({"JobDefinitionName":"d"})");
    EXPECT_EQ(described.body.StringOr("JobDefinitionArn", ""),
              made.body.StringOr("JobDefinitionArn", "x"));
    EXPECT_EQ(described.body.Find(kind + "AppSpecification")
                  ->Find("Environment")
                  ->StringOr("KEDGE_MODEL", ""),
              "shapes");
    const Answer listed =
        server_->Call("List" + kind + "JobDefinitions",
                      R"({"EndpointName":"lab","NameContains":"d","SortBy":"Name"})");
    const json::Array& summaries = *listed.body.Find("JobDefinitionSummaries")->AsArray();
    ASSERT_EQ(summaries.size(), 1u);
    EXPECT_EQ(summaries[0].StringOr("EndpointName", ""), "lab");
    EXPECT_EQ(call("Delete", R"({"JobDefinitionName":"d"})").status, 200);
    ExpectError(call("Describe", R"({"JobDefinitionName":"d"})"), "ResourceNotFound", "No ");
    ExpectError(call("Delete", R"({"JobDefinitionName":"d"})"), "ResourceNotFound", "No ");
  }
}

TEST_F(MonitoringTest, ADefinitionNeedsOneInputThatCanBeRead) {
  const auto create = [&](const std::string& input) {
    return server_->Call("CreateDataQualityJobDefinition", Definition("DataQuality", "d", input));
  };
  ExpectError(create(""), "ValidationException", "one of EndpointInput");
  ExpectError(create(R"("EndpointInput":{"EndpointName":"none","LocalPath":"/"})"),
              "ValidationException", "No devicefleet with name: none");
  ExpectError(
      create(
          R"("BatchTransformInput":{"DataCapturedDestinationS3Uri":"s3://bkt/in","LocalPath":"/","DatasetFormat":{"Parquet":{}}})"),
      "ValidationException", "Parquet");
  server_->quotas().monitoring_definitions = 0;
  ExpectError(server_->Call("CreateDataQualityJobDefinition", Definition("DataQuality", "d")),
              "ResourceLimitExceeded", "job definitions");
}

TEST_F(MonitoringTest, AScheduleQueuesOneExecutionASlot) {
  server_->Must("CreateDataQualityJobDefinition", Definition("DataQuality", "d"));
  server_->Must("CreateMonitoringSchedule", Schedule("s", "cron(0 * ? * * *)"));
  ExpectError(server_->Call("CreateMonitoringSchedule", Schedule("s", "NOW")), "ResourceInUse",
              "s");
  EXPECT_EQ(Step(), 0);  // the hour has not come
  server_->clock().Advance(std::chrono::hours(1));
  EXPECT_EQ(Step(), 1);
  EXPECT_EQ(Step(), 0);
  EXPECT_EQ(server_->monitoring_jobs().queued, 1);
  json::Array executions = Executions();
  ASSERT_EQ(executions.size(), 1u);
  EXPECT_EQ(executions[0].StringOr("MonitoringExecutionStatus", ""), "Pending");
  EXPECT_EQ(executions[0].StringOr("EndpointName", ""), "lab");
  // A server that was down for five hours: one execution, of the newest slot.
  server_->clock().Advance(std::chrono::hours(5));
  Step();
  EXPECT_EQ(Executions().size(), 2u);
  EXPECT_EQ(
      Executions(
          R"({"MonitoringScheduleName":"s","StatusEquals":"Pending","SortBy":"ScheduledTime","MaxResults":1})")
          .size(),
      1u);
  EXPECT_EQ(Executions(R"({"StatusEquals":"Completed"})").size(), 0u);
  End("Completed");
  EXPECT_EQ(
      Executions(R"({"StatusEquals":"Completed","MonitoringTypeEquals":"DataQuality"})").size(),
      1u);
  const json::Value described =
      server_->Must("DescribeMonitoringSchedule", R"({"MonitoringScheduleName":"s"})");
  EXPECT_EQ(described.StringOr("MonitoringScheduleStatus", ""), "Scheduled");
  EXPECT_EQ(
      described.Find("LastMonitoringExecutionSummary")->StringOr("MonitoringExecutionStatus", ""),
      "Pending");
}

TEST_F(MonitoringTest, TwoNodesQueueTheSlotOnce) {
  server_->Must("CreateDataQualityJobDefinition", Definition("DataQuality", "d"));
  server_->Must("CreateMonitoringSchedule", Schedule("s", "NOW"));
  // Another node takes the lease over: what the first one still does changes nothing.
  const store::Lease stale = lease_;
  ASSERT_TRUE(server_->store().Write([&](store::Transaction& transaction) -> Status {
    const EpochMs now = server_->clock().NowMs();
    KEDGE_TRY_STATUS(store::ReleaseLease(transaction, lease_));
    KEDGE_TRY(auto lease,
              store::AcquireLease(
                  transaction,
                  {.name = kMonitoringLease, .holder = "other", .now = now, .ttl_ms = 1'000'000}));
    lease_ = *lease;
    return {};
  }));
  const auto late =
      MonitoringStep(server_->store(), server_->clock(), stale, server_->monitoring_jobs());
  EXPECT_EQ(late.error().code, Code::kAborted);
  EXPECT_EQ(Executions().size(), 0u);
  Step();
  EXPECT_EQ(Executions().size(), 1u);
  EXPECT_EQ(Step(), 0);  // NOW runs once
}

TEST_F(MonitoringTest, StoppedSchedulesDoNotRunUntilTheyAreStarted) {
  server_->Must("CreateDataQualityJobDefinition", Definition("DataQuality", "d"));
  server_->Must("CreateMonitoringSchedule", Schedule("s", "cron(0 * ? * * *)"));
  server_->clock().Advance(std::chrono::hours(1));
  Step();
  server_->Must("StopMonitoringSchedule", R"({"MonitoringScheduleName":"s"})");
  EXPECT_EQ(Executions(R"({"StatusEquals":"Stopped"})").size(), 1u);
  EXPECT_EQ(server_->monitoring_jobs().stopped.size(), 1u);
  server_->clock().Advance(std::chrono::hours(1));
  Step();  // looks at the stopped execution only
  EXPECT_EQ(Executions().size(), 1u);
  server_->Must("UpdateMonitoringSchedule", Schedule("s", "cron(0 0/2 ? * * *)"));
  server_->clock().Advance(std::chrono::hours(3));
  EXPECT_EQ(Step(), 0);
  server_->Must("StartMonitoringSchedule", R"({"MonitoringScheduleName":"s"})");
  server_->clock().Advance(std::chrono::hours(2));
  Step();
  EXPECT_EQ(Executions().size(), 2u);
  server_->Must("DeleteMonitoringSchedule", R"({"MonitoringScheduleName":"s"})");
  for (const char* operation :
       {"DescribeMonitoringSchedule", "StopMonitoringSchedule", "StartMonitoringSchedule",
        "DeleteMonitoringSchedule", "ListMonitoringAlerts"}) {
    ExpectError(server_->Call(operation, R"({"MonitoringScheduleName":"s"})"), "ResourceNotFound",
                "s");
  }
  EXPECT_EQ(Executions().size(), 2u);  // their records stay
}

TEST_F(MonitoringTest, AScheduleSaysWhatIsWrongWithIt) {
  server_->Must("CreateDataQualityJobDefinition", Definition("DataQuality", "d"));
  const auto create = [&](const std::string& config) {
    return server_->Call(
        "CreateMonitoringSchedule",
        R"({"MonitoringScheduleName":"s","MonitoringScheduleConfig":)" + config + "}");
  };
  ExpectError(create("{}"), "ValidationException", "one of MonitoringJobDefinition");
  ExpectError(create(R"({"MonitoringJobDefinitionName":"d"})"), "ValidationException",
              "MonitoringType");
  ExpectError(create(R"({"MonitoringJobDefinitionName":"x","MonitoringType":"DataQuality"})"),
              "ValidationException", "No data quality job definition with name: x");
  ExpectError(server_->Call("CreateMonitoringSchedule", Schedule("s", "rate(5 minutes)")),
              "ValidationException", "rate(5 minutes)");
  // A definition that is gone when the slot comes.
  server_->Must("CreateMonitoringSchedule", Schedule("s", "NOW"));
  server_->Must("DeleteDataQualityJobDefinition", R"({"JobDefinitionName":"d"})");
  Step();
  const json::Value failed =
      server_->Must("DescribeMonitoringSchedule", R"({"MonitoringScheduleName":"s"})");
  EXPECT_EQ(failed.StringOr("MonitoringScheduleStatus", ""), "Failed");
  EXPECT_EQ(failed.StringOr("FailureReason", ""), "job definition d no longer exists");
}

TEST_F(MonitoringTest, AlertsFollowTheNewestExecutions) {
  server_->Must("CreateDataQualityJobDefinition", Definition("DataQuality", "d"));
  server_->Must("CreateMonitoringSchedule", Schedule("s", "cron(0 * ? * * *)"));
  ExpectError(
      server_->Call(
          "UpdateMonitoringAlert",
          R"({"MonitoringScheduleName":"s","MonitoringAlertName":"default","DatapointsToAlert":3,"EvaluationPeriod":2})"),
      "ValidationException", "DatapointsToAlert");
  ExpectError(
      server_->Call(
          "UpdateMonitoringAlert",
          R"({"MonitoringScheduleName":"s","MonitoringAlertName":"x","DatapointsToAlert":1,"EvaluationPeriod":1})"),
      "ResourceNotFound", "x");
  server_->Must(
      "UpdateMonitoringAlert",
      R"({"MonitoringScheduleName":"s","MonitoringAlertName":"default","DatapointsToAlert":2,"EvaluationPeriod":3})");
  const auto status = [&] {
    return server_->Must("ListMonitoringAlerts", R"({"MonitoringScheduleName":"s"})")
        .Find("MonitoringAlertSummaries")
        ->AsArray()
        ->front()
        .StringOr("AlertStatus", "");
  };
  struct Slot {
    const char* outcome;
    const char* status;
  };
  const Slot slots[] = {{"CompletedWithViolations", "OK"},
                        {"Completed", "OK"},
                        {"CompletedWithViolations", "InAlert"},
                        {"Completed", "OK"}};
  for (const Slot& slot : slots) {
    server_->clock().Advance(std::chrono::hours(1));
    Step();
    End(slot.outcome);
    Step();
    EXPECT_EQ(status(), slot.status);
  }
  const json::Value history = server_->Must(
      "ListMonitoringAlertHistory", R"({"MonitoringScheduleName":"s","SortOrder":"Ascending"})");
  const json::Array& changes = *history.Find("MonitoringAlertHistory")->AsArray();
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].StringOr("AlertStatus", ""), "InAlert");
  EXPECT_EQ(changes[1].StringOr("AlertStatus", ""), "OK");
  ExpectError(server_->Call("ListMonitoringAlertHistory", R"({"MonitoringScheduleName":"none"})"),
              "ResourceNotFound", "none");
}

TEST_F(MonitoringTest, AnInlineDefinitionIsOfDataQuality) {
  const std::string inline_definition =
      R"({"MonitoringScheduleName":"s","MonitoringScheduleConfig":{"MonitoringJobDefinition":{
      "MonitoringInputs":[{"EndpointInput":{"EndpointName":"lab","LocalPath":"/in"}}],
      "MonitoringOutputConfig":{"MonitoringOutputs":[{"S3Output":{"S3Uri":"s3://bkt/r","LocalPath":"/out"}}]},
      "MonitoringResources":{"ClusterConfig":{"InstanceCount":1,"InstanceType":"ml.m5.large","VolumeSizeInGB":1}},
      "MonitoringAppSpecification":{"ImageUri":"kedge"},"Environment":{"A":"b"},
      "RoleArn":"arn:aws:iam::000000000000:role/kedge"}}})";
  server_->Must("CreateMonitoringSchedule", inline_definition);
  Step();
  const json::Array executions = Executions(R"({"EndpointName":"lab"})");
  ASSERT_EQ(executions.size(), 1u);
  EXPECT_EQ(executions[0].StringOr("MonitoringType", ""), "DataQuality");
}

}  // namespace
}  // namespace kedge::server
