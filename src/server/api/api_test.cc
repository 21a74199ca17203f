// What the operations do, and who may call them.
// SPDX-License-Identifier: Apache-2.0
#include "server/api/api.h"

#include <future>
#include <gtest/gtest.h>

#include "base/crypto/crypto.h"
#include "http/sigv4.h"
#include "server/auth/object_rights.h"
#include "server/testing/test_server.h"
#include "store/tables/access_keys.h"

namespace kedge::server {
namespace {

constexpr char kFleet[] =
    R"({"DeviceFleetName":"lab","OutputConfig":{"S3OutputLocation":"s3://bucket/out"}})";

class ApiTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = TestServer::Make();
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
  }
  // A fleet with devices d1..dn.
  void AddDevices(int count) {
    server_->Must("CreateDeviceFleet", kFleet);
    std::string devices;
    for (int i = 1; i <= count; ++i) {
      devices +=
          (i > 1 ? "," : "") + std::string(R"({"DeviceName":"d)") + std::to_string(i) + R"("})";
    }
    server_->Must("RegisterDevices", R"({"DeviceFleetName":"lab","Devices":[)" + devices + "]}");
  }
  std::string DeviceBody(const std::string& device, const std::string& more = "") {
    return R"({"DeviceFleetName":"lab","DeviceName":")" + device + "\"" + more + "}";
  }
  void ExpectError(const Answer& answer, const std::string& code, const std::string& message) {
    EXPECT_EQ(answer.status, code == "ServiceUnavailable" ? 503 : 400);
    EXPECT_EQ(answer.error, code);
    EXPECT_EQ(answer.message, message);
  }

  std::unique_ptr<TestServer> server_;
};

TEST_F(ApiTest, FleetsAreMadeOnceDescribedAndDeletedWhenEmpty) {
  server_->Must("CreateDeviceFleet",
                R"({"DeviceFleetName":"lab","Description":"cameras","EnableIotRoleAlias":true,
                    "OutputConfig":{"S3OutputLocation":"s3://bucket/out"}})");
  ExpectError(server_->Call("CreateDeviceFleet", kFleet), "ResourceInUse",
              "Fleet with name lab already exists");
  const json::Value fleet = server_->Must("DescribeDeviceFleet", R"({"DeviceFleetName":"lab"})");
  EXPECT_EQ(fleet.StringOr("DeviceFleetArn", ""),
            "arn:aws:sagemaker:us-east-1:000000000000:device-fleet/lab");
  EXPECT_EQ(fleet.StringOr("IotRoleAlias", ""),
            "arn:aws:iot:us-east-1:000000000000:rolealias/SageMakerEdge-lab");
  EXPECT_EQ(fleet.StringOr("Description", ""), "cameras");
  EXPECT_DOUBLE_EQ(fleet.Find("CreationTime")->NumberOr(0),
                   static_cast<double>(server_->clock().NowMs()) / 1000);
  server_->Must("RegisterDevices", R"({"DeviceFleetName":"lab","Devices":[{"DeviceName":"d1"}]})");
  ExpectError(server_->Call("DeleteDeviceFleet", R"({"DeviceFleetName":"lab"})"), "ResourceInUse",
              "Fleet lab has registered devices");
  server_->Must("DeregisterDevices", R"({"DeviceFleetName":"lab","DeviceNames":["d1"]})");
  server_->Must("DeleteDeviceFleet", R"({"DeviceFleetName":"lab"})");
  ExpectError(server_->Call("DescribeDeviceFleet", R"({"DeviceFleetName":"lab"})"),
              "ValidationException", "No devicefleet with name: lab");
}

TEST_F(ApiTest, RegistrationIsAllOrNothing) {
  AddDevices(1);
  ExpectError(
      server_->Call(
          "RegisterDevices",
          R"({"DeviceFleetName":"lab","Devices":[{"DeviceName":"d2"},{"DeviceName":"d1"}]})"),
      "ValidationException", "Device with name d1 is already registered in fleet lab");
  ExpectError(server_->Call("DescribeDevice", DeviceBody("d2")), "ValidationException",
              "No device with name: d2");
  ExpectError(
      server_->Call("DeregisterDevices", R"({"DeviceFleetName":"lab","DeviceNames":["d1","d9"]})"),
      "ValidationException", "Device with name d9 is not registered in fleet lab");
  server_->Must("DescribeDevice", DeviceBody("d1"));
}

TEST_F(ApiTest, ListsComeInPages) {
  AddDevices(5);
  std::string token;
  std::string names;
  for (int page = 0; page < 3; ++page) {
    const json::Value answer = server_->Must(
        "ListDevices",
        R"({"MaxResults":2)" + (token.empty() ? "" : R"(,"NextToken":")" + token + "\"") + "}");
    for (const json::Value& device : *answer.Find("DeviceSummaries")->AsArray()) {
      names += device.StringOr("DeviceName", "") + " ";
    }
    token = answer.StringOr("NextToken", "");
    EXPECT_EQ(token.empty(), page == 2);
  }
  EXPECT_EQ(names, "d1 d2 d3 d4 d5 ");
}

TEST_F(ApiTest, ForeignTokensAreRefused) {
  AddDevices(3);
  const std::string token =
      server_->Must("ListDevices", R"({"MaxResults":1})").StringOr("NextToken", "");
  ASSERT_FALSE(token.empty());
  ExpectError(server_->Call("ListDeviceFleets", R"({"NextToken":")" + token + "\"}"),
              "ValidationException", "NextToken is not one that ListDeviceFleets gave");
  ExpectError(server_->Call("ListDevices", R"({"NextToken":"abc"})"), "ValidationException",
              "NextToken is not one that ListDevices gave");
}

TEST_F(ApiTest, HeartbeatShowsInTheDevice) {
  AddDevices(1);
  server_->clock().Advance(std::chrono::seconds(7));
  server_->Must("SendHeartbeat",
                DeviceBody("d1", R"(,"AgentVersion":"1.2","Models":[{"ModelName":"digits",
                           "ModelVersion":"3","LatestInference":1790000000.5}])"));
  const json::Value device = server_->Must("DescribeDevice", DeviceBody("d1"));
  EXPECT_EQ(device.StringOr("AgentVersion", ""), "1.2");
  EXPECT_DOUBLE_EQ(device.Find("LatestHeartbeat")->NumberOr(0),
                   static_cast<double>(server_->clock().NowMs()) / 1000);
  const json::Value& model = device.Find("Models")->AsArray()->at(0);
  EXPECT_EQ(model.StringOr("ModelName", ""), "digits");
  EXPECT_DOUBLE_EQ(model.Find("LatestInference")->NumberOr(0), 1790000000.5);
  ExpectError(server_->Call("SendHeartbeat", DeviceBody("d9", R"(,"AgentVersion":"1")")),
              "ValidationException", "No device with name: d9");
}

TEST_F(ApiTest, CompilationJobsAreQueuedStoppedAndFound) {
  const std::string request =
      R"({"CompilationJobName":"job","RoleArn":"arn:aws:iam::000000000000:role/edge",
      "InputConfig":{"S3Uri":"s3://models/net.onnx","Framework":"ONNX"},"StoppingCondition":{},
      "OutputConfig":{"S3OutputLocation":"s3://models/out","TargetPlatform":{"Os":"LINUX","Arch":"ARM64"}}})";
  EXPECT_EQ(server_->Must("CreateCompilationJob", request).StringOr("CompilationJobArn", ""),
            "arn:aws:sagemaker:us-east-1:000000000000:compilation-job/job");
  EXPECT_EQ(server_->compilation_jobs().queued, 1);
  ExpectError(server_->Call("CreateCompilationJob", request), "ResourceInUse",
              "Compilation job with name job already exists");
  const std::string name = R"({"CompilationJobName":"job"})";
  json::Value job = server_->Must("DescribeCompilationJob", name);
  EXPECT_EQ(job.StringOr("CompilationJobStatus", ""), "STARTING");
  EXPECT_EQ(job.StringOr("FailureReason", "none"), "");
  EXPECT_EQ(job.Find("ModelArtifacts")->StringOr("S3ModelArtifacts", "none"), "");
  ExpectError(
      server_->Call("CreateEdgePackagingJob",
                    R"({"EdgePackagingJobName":"pack","CompilationJobName":"job","ModelName":"net",
                                "ModelVersion":"1","RoleArn":"arn:aws:iam::000000000000:role/edge",
                                "OutputConfig":{"S3OutputLocation":"s3://models/out"}})"),
      "ValidationException", "Compilation job job is STARTING, must be COMPLETED");
  server_->Must("StopCompilationJob", name);
  EXPECT_EQ(server_->compilation_jobs().stopped, std::vector<std::string>{"job"});
  EXPECT_EQ(server_->Must("DescribeCompilationJob", name).StringOr("CompilationJobStatus", ""),
            "STOPPED");
  EXPECT_EQ(server_->Must("ListCompilationJobs", R"({"StatusEquals":"STOPPED"})")
                .Find("CompilationJobSummaries")
                ->AsArray()
                ->size(),
            1u);
  ExpectError(server_->Call("DescribeCompilationJob", R"({"CompilationJobName":"other"})"),
              "ResourceNotFound", "No compilation job with name: other");
  ExpectError(server_->Call("StopEdgePackagingJob", R"({"EdgePackagingJobName":"other"})"),
              "ValidationException", "No edge packaging job with name: other");
}

TEST_F(ApiTest, UpdateDevicesReplacesDescriptionAndThing) {
  AddDevices(2);
  const std::string head = R"({"DeviceFleetName":"lab","Devices":[{"DeviceName":"d1")";
  server_->Must("UpdateDevices", head + R"(,"Description":"gate","IotThingName":"t1"}]})");
  EXPECT_EQ(server_->Must("DescribeDevice", DeviceBody("d1")).StringOr("IotThingName", ""), "t1");
  server_->Must("UpdateDevices", head + R"(,"Description":"roof"}]})");
  const json::Value device = server_->Must("DescribeDevice", DeviceBody("d1"));
  EXPECT_EQ(device.StringOr("Description", ""), "roof");
  EXPECT_EQ(device.Find("IotThingName"), nullptr);
  ExpectError(
      server_->Call("UpdateDevices", head + R"(,"Description":"yard"},{"DeviceName":"d9"}]})"),
      "ValidationException", "Device with name d9 is not registered in fleet lab");
  EXPECT_EQ(server_->Must("DescribeDevice", DeviceBody("d1")).StringOr("Description", ""), "roof");
}

TEST_F(ApiTest, TagsGoWithTheirResource) {
  AddDevices(1);
  const std::string arn =
      R"({"ResourceArn":"arn:aws:sagemaker:us-east-1:000000000000:device-fleet/lab/device/d1")";
  server_->Must("AddTags", arn + R"(,"Tags":[{"Key":"b","Value":"1"},{"Key":"a","Value":""}]})");
  server_->Must("AddTags", arn + R"(,"Tags":[{"Key":"b","Value":"2"}]})");
  const json::Value tags = server_->Must("ListTags", arn + "}");
  EXPECT_EQ(json::Write(*tags.Find("Tags")), R"([{"Key":"a","Value":""},{"Key":"b","Value":"2"}])");
  server_->Must("DeregisterDevices", R"({"DeviceFleetName":"lab","DeviceNames":["d1"]})");
  ExpectError(server_->Call("ListTags", arn + "}"), "ValidationException",
              "No resource with ARN: "
              "arn:aws:sagemaker:us-east-1:000000000000:device-fleet/lab/device/d1");
  server_->Must("RegisterDevices", R"({"DeviceFleetName":"lab","Devices":[{"DeviceName":"d1"}]})");
  EXPECT_TRUE(server_->Must("ListTags", arn + "}").Find("Tags")->AsArray()->empty());
}

TEST_F(ApiTest, TagsAreOnlyOnWhatExistsHere) {
  AddDevices(1);
  for (const char* resource :
       {"us-east-1:000000000000:device-fleet/no",
        "us-east-1:000000000000:device-fleet/lab/device/no",
        "us-east-1:000000000000:compilation-job/no", "us-east-1:000000000000:edge-packaging-job/no",
        "us-east-1:000000000000:edge-deployment/no", "us-east-1:000000000000:endpoint/no",
        "eu-west-1:000000000000:device-fleet/lab", "us-east-1:111111111111:device-fleet/lab"}) {
    SCOPED_TRACE(resource);
    const std::string arn = std::string("arn:aws:sagemaker:") + resource;
    ExpectError(server_->Call("ListTags", R"({"ResourceArn":")" + arn + "\"}"),
                "ValidationException", "No resource with ARN: " + arn);
  }
}

TEST_F(ApiTest, QuotasAreResourceLimitExceeded) {
  AddDevices(2);
  server_->quotas() = {.fleets = 1, .devices = 2};
  ExpectError(server_->Call("CreateDeviceFleet",
                            R"({"DeviceFleetName":"two",
                                "OutputConfig":{"S3OutputLocation":"s3://bucket/out"}})"),
              "ResourceLimitExceeded",
              "The limit of 1 fleets is reached: there are 1, 1 more were asked for");
  ExpectError(server_->Call("RegisterDevices",
                            R"({"DeviceFleetName":"lab","Devices":[{"DeviceName":"d3"}]})"),
              "ResourceLimitExceeded",
              "The limit of 2 devices of one fleet is reached: there are 2, 1 more were asked for");
}

TEST_F(ApiTest, TheFleetReportCounts) {
  AddDevices(3);
  const auto beat = [&](const std::string& device, const std::string& model) {
    server_->Must("SendHeartbeat",
                  DeviceBody(device, R"(,"AgentVersion":"1.2","Models":[)" + model + "]"));
  };
  const std::string now = std::to_string(server_->clock().NowMs() / 1000);
  beat("d1", R"({"ModelName":"digits","ModelVersion":"1"})");
  server_->clock().Advance(std::chrono::minutes(20));
  const std::string later = std::to_string(server_->clock().NowMs() / 1000);
  beat("d2", R"({"ModelName":"digits","ModelVersion":"1","LatestInference":)" + later + "}");
  beat("d3", R"({"ModelName":"digits","ModelVersion":"1","LatestSampleTime":)" + later +
                 R"(,"LatestInference":)" + now + "}");
  const json::Value report = server_->Must("GetDeviceFleetReport", R"({"DeviceFleetName":"lab"})");
  EXPECT_EQ(json::Write(*report.Find("DeviceStats")),
            R"({"ConnectedDeviceCount":2,"RegisteredDeviceCount":3})");
  EXPECT_EQ(json::Write(*report.Find("AgentVersions")), R"([{"Version":"1.2","AgentCount":3}])");
  const json::Value& model = report.Find("ModelStats")->AsArray()->at(0);
  const std::pair<const char*, int64_t> wanted[] = {{"OfflineDeviceCount", 1},
                                                    {"ConnectedDeviceCount", 2},
                                                    {"ActiveDeviceCount", 1},
                                                    {"SamplingDeviceCount", 1}};
  for (const auto& [member, count] : wanted) EXPECT_EQ(model.IntOr(member, -1), count) << member;
}

TEST_F(ApiTest, ModelsOfADeviceComeInPages) {
  AddDevices(1);
  std::string models;
  for (int i = 10; i < 22; ++i) {
    models += (i > 10 ? "," : "") + std::string(R"({"ModelName":"model-)") + std::to_string(i) +
              R"(","ModelVersion":"1"})";
  }
  server_->Must("SendHeartbeat",
                DeviceBody("d1", R"(,"AgentVersion":"1","Models":[)" + models + "]"));
  const json::Value first = server_->Must("DescribeDevice", DeviceBody("d1"));
  EXPECT_EQ(first.IntOr("MaxModels", 0), 10);
  EXPECT_EQ(first.Find("Models")->AsArray()->size(), 10u);
  const json::Value second =
      server_->Must("DescribeDevice",
                    DeviceBody("d1", R"(,"NextToken":")" + first.StringOr("NextToken", "") + "\""));
  EXPECT_EQ(second.Find("Models")->AsArray()->size(), 2u);
  EXPECT_EQ(second.Find("NextToken"), nullptr);
}

class DeploymentTest : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    AddDevices(2);
    server_->AddCompletedPackage("pack-1", "s3://models/m-1.tar.gz");
    server_->AddCompletedPackage("pack-2", "s3://models/m-2.tar.gz");
  }
  void Plan(const std::string& name, const std::string& job,
            const std::string& policy = "ROLLBACK_ON_FAILURE") {
    server_->Must("CreateEdgeDeploymentPlan", R"({"EdgeDeploymentPlanName":")" + name +
                                                  R"(","DeviceFleetName":"lab",
                      "ModelConfigs":[{"ModelHandle":"model","EdgePackagingJobName":")" +
                                                  job + R"("}],
                      "Stages":[{"StageName":"all","DeviceSelectionConfig":{"DeviceSubsetType":"PERCENTAGE","Percentage":100},
                                 "DeploymentConfig":{"FailureHandlingPolicy":")" +
                                                  policy + R"("}}]})");
  }
  std::string StageBody(const std::string& plan) {
    return R"({"EdgeDeploymentPlanName":")" + plan + R"(","StageName":"all"})";
  }
  // "name=uri ..." of what the device should have.
  json::Array Desired(const std::string& device) {
    return *server_->Must("GetDeployments", DeviceBody(device)).Find("Deployments")->AsArray();
  }
  std::string DesiredUri(const std::string& device) {
    const json::Array desired = Desired(device);
    if (desired.empty()) return "";
    EXPECT_EQ(desired.size(), 1u);
    return desired[0].Find("Definitions")->AsArray()->at(0).StringOr("S3Url", "");
  }
  void Report(const std::string& device, const std::string& deployment, bool succeeded) {
    server_->Must(
        "SendHeartbeat",
        DeviceBody(
            device,
            R"(,"AgentVersion":"1","DeploymentResult":{"DeploymentName":")" + deployment +
                R"(","DeploymentStatus":"X","DeploymentModels":[{"ModelHandle":"model","Status":")" +
                (succeeded ? "SUCCESS" : "FAIL") + R"(","StatusReason":"because"}]})"));
  }
  // "INPROGRESS 1 1 0": state, deployed, pending, failed.
  std::string StageState(const std::string& plan) {
    const json::Value answer = server_->Must("DescribeEdgeDeploymentPlan",
                                             R"({"EdgeDeploymentPlanName":")" + plan + "\"}");
    const json::Value& status = *answer.Find("Stages")->AsArray()->at(0).Find("DeploymentStatus");
    return status.StringOr("StageStatus", "") + " " +
           std::to_string(status.IntOr("EdgeDeploymentSuccessInStage", -1)) + " " +
           std::to_string(status.IntOr("EdgeDeploymentPendingInStage", -1)) + " " +
           std::to_string(status.IntOr("EdgeDeploymentFailedInStage", -1));
  }
};

TEST_F(DeploymentTest, GoesFromPlanToDeployed) {
  Plan("plan", "pack-1");
  EXPECT_EQ(StageState("plan"), "READYTODEPLOY 0 0 0");
  EXPECT_TRUE(Desired("d1").empty());
  server_->Must("StartEdgeDeploymentStage", StageBody("plan"));
  EXPECT_EQ(StageState("plan"), "INPROGRESS 0 2 0");
  const json::Array desired = Desired("d1");
  ASSERT_EQ(desired.size(), 1u);
  const json::Value& definition = desired[0].Find("Definitions")->AsArray()->at(0);
  EXPECT_EQ(definition.StringOr("ModelHandle", ""), "model");
  EXPECT_EQ(definition.StringOr("S3Url", ""), "s3://models/m-1.tar.gz");
  EXPECT_EQ(definition.StringOr("State", ""), "DEPLOY");
  EXPECT_EQ(definition.Find("Checksum")->StringOr("Sum", ""),
            "0123456789abcdef0123456789abcdef01234567");
  const std::string name = desired[0].StringOr("DeploymentName", "");
  for (int i = 0; i < 3; ++i) Report("d1", name, true);  // delivered three times, counted once
  EXPECT_EQ(StageState("plan"), "INPROGRESS 1 1 0");
  Report("d2", name, true);
  EXPECT_EQ(StageState("plan"), "DEPLOYED 2 0 0");
  EXPECT_EQ(DesiredUri("d1"), "s3://models/m-1.tar.gz");  // desired until it is superseded
  ExpectError(server_->Call("StartEdgeDeploymentStage", StageBody("plan")), "ValidationException",
              "Stage all is DEPLOYED and cannot be started");
}

TEST_F(DeploymentTest, ListsTheDevicesOfAStage) {
  Plan("plan", "pack-1");
  server_->Must("StartEdgeDeploymentStage", StageBody("plan"));
  const std::string name = Desired("d1")[0].StringOr("DeploymentName", "");
  Report("d1", name, false);
  const json::Value answer = server_->Must("ListStageDevices", StageBody("plan"));
  const json::Array& devices = *answer.Find("DeviceDeploymentSummaries")->AsArray();
  ASSERT_EQ(devices.size(), 2u);
  EXPECT_EQ(devices[0].StringOr("DeviceDeploymentStatus", ""), "FAILED");
  EXPECT_EQ(devices[0].StringOr("DeviceDeploymentStatusMessage", ""), "because");
  EXPECT_EQ(devices[1].StringOr("DeviceDeploymentStatus", ""), "READYTODEPLOY");
}

TEST_F(DeploymentTest, AFailedDeploymentGivesWayToTheFormerOneOrStays) {
  Plan("first", "pack-1");
  server_->Must("StartEdgeDeploymentStage", StageBody("first"));
  const std::string first = Desired("d1")[0].StringOr("DeploymentName", "");
  Report("d1", first, true);
  Report("d2", first, true);
  Plan("second", "pack-2");
  server_->Must("StartEdgeDeploymentStage", StageBody("second"));
  EXPECT_EQ(DesiredUri("d1"), "s3://models/m-2.tar.gz");
  Report("d1", Desired("d1")[0].StringOr("DeploymentName", ""), false);
  EXPECT_EQ(DesiredUri("d1"), "s3://models/m-1.tar.gz");
  EXPECT_EQ(StageState("second"), "INPROGRESS 0 1 1");
  Report("d2", Desired("d2")[0].StringOr("DeploymentName", ""), true);
  EXPECT_EQ(StageState("second"), "FAILED 1 0 1");
  Plan("third", "pack-2", "DO_NOTHING");
  server_->Must("StartEdgeDeploymentStage", StageBody("third"));
  Report("d1", Desired("d1")[0].StringOr("DeploymentName", ""), false);
  EXPECT_TRUE(Desired("d1").empty());
}

TEST_F(DeploymentTest, AStoppedStageIsNoLongerDesiredAndMayStartAgain) {
  Plan("plan", "pack-1");
  server_->Must("StartEdgeDeploymentStage", StageBody("plan"));
  const std::string former = Desired("d1")[0].StringOr("DeploymentName", "");
  server_->Must("StopEdgeDeploymentStage", StageBody("plan"));
  EXPECT_EQ(StageState("plan"), "STOPPED 0 0 0");
  EXPECT_TRUE(Desired("d1").empty());
  ExpectError(server_->Call("StopEdgeDeploymentStage", StageBody("plan")), "ValidationException",
              "Stage all is STOPPED and cannot be stopped");
  server_->Must("StartEdgeDeploymentStage", StageBody("plan"));
  const std::string now = Desired("d1")[0].StringOr("DeploymentName", "");
  EXPECT_NE(now, former);
  Report("d1", former, true);  // an answer to the former start does not count
  EXPECT_EQ(StageState("plan"), "INPROGRESS 0 2 0");
}

TEST_F(DeploymentTest, DeregisteredDevicesDoNotHoldUpAStage) {
  Plan("plan", "pack-1");
  server_->Must("StartEdgeDeploymentStage", StageBody("plan"));
  Report("d1", Desired("d1")[0].StringOr("DeploymentName", ""), true);
  server_->Must("DeregisterDevices", R"({"DeviceFleetName":"lab","DeviceNames":["d2"]})");
  EXPECT_EQ(StageState("plan"), "DEPLOYED 1 0 0");
}

TEST_F(DeploymentTest, RefusesPlansThatCannotWork) {
  const std::string head =
      R"({"EdgeDeploymentPlanName":"p","DeviceFleetName":"lab","ModelConfigs":[)";
  const std::string config = R"({"ModelHandle":"m","EdgePackagingJobName":"pack-1"})";
  const struct {
    std::string body;
    const char* code;
    const char* message;
  } cases[] = {
      {R"({"EdgeDeploymentPlanName":"p","DeviceFleetName":"other","ModelConfigs":[)" + config +
           "]}",
       "ValidationException", "No devicefleet with name: other"},
      {head + R"({"ModelHandle":"m","EdgePackagingJobName":"other"}]})", "ValidationException",
       "No edge packaging job with name: other"},
      {head + config + "," + config + "]}", "ValidationException", "ModelHandle m is given twice"},
      {head + config +
           R"(],"Stages":[{"StageName":"s","DeviceSelectionConfig":{"DeviceSubsetType":"PERCENTAGE"}}]})",
       "ValidationException", "Stage s: DeviceSubsetType PERCENTAGE needs Percentage"},
      {head + config +
           R"(],"Stages":[{"StageName":"s","DeviceSelectionConfig":{"DeviceSubsetType":"SELECTION"}}]})",
       "ValidationException", "Stage s: DeviceSubsetType SELECTION needs DeviceNames"},
      {head + config +
           R"(],"Stages":[{"StageName":"s","DeviceSelectionConfig":{"DeviceSubsetType":"NAMECONTAINS"}}]})",
       "ValidationException", "Stage s: DeviceSubsetType NAMECONTAINS needs DeviceNameContains"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.body);
    ExpectError(server_->Call("CreateEdgeDeploymentPlan", c.body), c.code, c.message);
    ExpectError(server_->Call("DescribeEdgeDeploymentPlan", R"({"EdgeDeploymentPlanName":"p"})"),
                "ResourceNotFound", "No edge deployment plan with name: p");
  }
}

TEST_F(DeploymentTest, StagesThatSelectNobodyDoNotStart) {
  Plan("plan", "pack-1");
  server_->Must("CreateEdgeDeploymentStage",
                R"({"EdgeDeploymentPlanName":"plan","Stages":[
                    {"StageName":"none","DeviceSelectionConfig":{"DeviceSubsetType":"NAMECONTAINS","DeviceNameContains":"x"}},
                    {"StageName":"wrong","DeviceSelectionConfig":{"DeviceSubsetType":"SELECTION","DeviceNames":["d9"]}}]})");
  ExpectError(server_->Call("StartEdgeDeploymentStage",
                            R"({"EdgeDeploymentPlanName":"plan","StageName":"none"})"),
              "ValidationException", "Stage none selects no device of fleet lab");
  ExpectError(server_->Call("StartEdgeDeploymentStage",
                            R"({"EdgeDeploymentPlanName":"plan","StageName":"wrong"})"),
              "ValidationException", "no device with name 'd9' in the fleet");
  ExpectError(
      server_->Call(
          "CreateEdgeDeploymentStage",
          R"({"EdgeDeploymentPlanName":"plan","Stages":[{"StageName":"none","DeviceSelectionConfig":
                                {"DeviceSubsetType":"PERCENTAGE","Percentage":1}}]})"),
      "ResourceInUse", "Stage with name none already exists in plan plan");
}

TEST_F(DeploymentTest, ADeviceReadsOnlyTheObjectsAssignedToIt) {
  const Identity device{.role = Role::kDevice, .fleet = "lab", .device = "d1"};
  Plan("plan", "pack-1");
  const auto may_read = [&](const std::string& object) {
    return *MayUseObject(server_->store(), device, ObjectAction::kRead, {"models", object});
  };
  EXPECT_FALSE(may_read("m-1.tar.gz"));
  server_->Must("StartEdgeDeploymentStage", StageBody("plan"));
  EXPECT_TRUE(may_read("m-1.tar.gz"));
  EXPECT_FALSE(may_read("m-2.tar.gz"));
}

TEST_F(ApiTest, DevicesKeysOpenTheirOwnDoorsOnly) {
  AddDevices(2);
  const Identity device{.access_key_id = "K", .fleet = "lab", .device = "d1"};
  EXPECT_EQ(server_->CallAs(device, "GetDeviceRegistration", DeviceBody("d1")).status, 200);
  EXPECT_EQ(server_->CallAs(device, "GetDeployments", DeviceBody("d1")).status, 200);
  ExpectError(server_->CallAs(device, "GetDeployments", DeviceBody("d2")), "AccessDeniedException",
              "device 'd1' of fleet 'lab' is not authorized to act for another device");
  for (const auto& operation : server_->catalogue().operations()) {
    if (operation->access == Role::kDevice) continue;
    SCOPED_TRACE(operation->name);
    const Answer answer = server_->CallAs(device, operation->name, "{}");
    EXPECT_TRUE(answer.error == "AccessDeniedException" || answer.error == "ValidationException")
        << answer.error;
  }
  ExpectError(server_->CallAs(device, "ListDevices", "{}"), "AccessDeniedException",
              "device 'd1' of fleet 'lab' is not authorized to perform ListDevices");
}

TEST_F(ApiTest, EnrolmentRegistersOnlyIfAskedAndReplacesTheFormerKey) {
  server_->Must("CreateDeviceFleet", kFleet);
  ExpectError(server_->Call("EnrollDevice", DeviceBody("d1")), "ValidationException",
              "No device with name: d1");
  const json::Value first = server_->Must("EnrollDevice", DeviceBody("d1", R"(,"Register":true)"));
  const json::Value second = server_->Must("EnrollDevice", DeviceBody("d1"));
  EXPECT_EQ(*server_->authenticator().Find(first.StringOr("AccessKeyId", "")), nullptr);
  EXPECT_EQ((*server_->authenticator().Find(second.StringOr("AccessKeyId", "")))->secret,
            second.StringOr("SecretAccessKey", ""));
  EXPECT_NE(second.Find("RootCertificates")->AsArray()->at(0).AsString()->find("BEGIN CERTIFICATE"),
            std::string::npos);
  server_->Must("DeregisterDevices", R"({"DeviceFleetName":"lab","DeviceNames":["d1"]})");
  EXPECT_EQ(*server_->authenticator().Find(second.StringOr("AccessKeyId", "")), nullptr);
}

// Requests as they come from the wire.
class WireTest : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    ASSERT_TRUE(server_->store().Write([](store::Transaction& transaction) {
      return store::InsertAccessKey(
          transaction, {.id = "ADMIN", .secret = "secret", .role = std::string(store::kRoleAdmin)});
    }));
  }
  http::Request Signed(const std::string& target, const std::string& body,
                       const http::Credentials& credentials = {"ADMIN", "secret", ""}) {
    http::ClientRequest client{.method = "POST", .url = "http://server:80/", .body = body};
    client.headers.Set("Content-Type", "application/x-amz-json-1.1");
    client.headers.Set("X-Amz-Target", target);
    EXPECT_TRUE(http::SignRequest(credentials, {"eu-west-1", "sagemaker"}, server_->clock().NowMs(),
                                  client));
    http::Request request{.method = "POST", .target = "/", .headers = client.headers, .body = body};
    request.body_sha256 = crypto::Sha256Hex(AsBytes(body));
    if (request.headers.Find("Host") == nullptr) request.headers.Set("Host", "server");
    return request;
  }
  std::string Send(const http::Request& request) {
    EXPECT_TRUE(server_->api().Owns(request));
    std::promise<http::Response> promise;
    server_->api().Handle(request, [&](http::Response r) { promise.set_value(std::move(r)); });
    const http::Response response = promise.get_future().get();
    return std::to_string(response.status) + " " + response.headers.Get("x-amzn-ErrorType");
  }
};

TEST_F(WireTest, SignedRequestsAreServedOthersGetAwsCodes) {
  const http::Request good = Signed("SageMaker.ListDeviceFleets", "{}");
  EXPECT_EQ(Send(good), "200 ");
  http::Request changed = good;
  changed.body = R"({"MaxResults":1})";
  changed.body_sha256 = crypto::Sha256Hex(AsBytes(changed.body));
  EXPECT_EQ(Send(changed), "403 InvalidSignatureException");
  http::Request retargeted = good;
  retargeted.headers.Set("X-Amz-Target", "SageMaker.ListDevices");
  EXPECT_EQ(Send(retargeted), "403 InvalidSignatureException");
  EXPECT_EQ(Send(Signed("SageMaker.ListDeviceFleets", "{}", {"NOBODY", "secret", ""})),
            "403 UnrecognizedClientException");
  EXPECT_EQ(Send(Signed("SageMaker.ListDeviceFleets", "{}", {"ADMIN", "wrong", ""})),
            "403 InvalidSignatureException");
  http::Request bare{.method = "POST", .target = "/"};
  bare.headers.Set("X-Amz-Target", "SageMaker.ListDeviceFleets");
  EXPECT_EQ(Send(bare).substr(0, 4), "403 ");
  server_->clock().Advance(std::chrono::hours(1));
  EXPECT_EQ(Send(good).substr(0, 4), "403 ");
}

TEST_F(WireTest, UnknownOperationsAndBadJsonAreTold) {
  EXPECT_EQ(Send(Signed("SageMaker.CreateEndpoint", "{}")), "400 UnknownOperationException");
  EXPECT_EQ(Send(Signed("Other.ListDeviceFleets", "{}")), "400 UnknownOperationException");
  EXPECT_EQ(Send(Signed("SageMaker.ListDeviceFleets", "{")), "400 SerializationException");
  EXPECT_EQ(Send(Signed("SageMaker.ListDeviceFleets", "[]")), "400 SerializationException");
  EXPECT_EQ(Send(Signed("SageMaker.ListDeviceFleets", "")), "200 ");
  EXPECT_EQ(Send(Signed("SageMaker.ListDeviceFleets", std::string(5 << 20, ' '))),
            "413 RequestEntityTooLarge");
}

TEST_F(WireTest, OtherPathsAreTheObjectStores) {
  http::Request request{.method = "GET", .target = "/bucket/key"};
  EXPECT_FALSE(server_->api().Owns(request));
  request = {.method = "POST", .target = "/SendHeartbeat"};
  EXPECT_TRUE(server_->api().Owns(request));
}

TEST(Installation, SecondStartFindsWhatTheFirstMade) {
  const auto server = *TestServer::Make();  // its database
  const auto parent = TemporaryDirectory::Make();
  ASSERT_TRUE(parent);
  const Folders folders{parent->path() / "data"};
  PosixFileSystem disk;
  const FakeClock clock;
  std::string certificate;
  {
    const auto lock = PrepareFolders(disk, folders);
    ASSERT_TRUE(lock);
    EXPECT_EQ(PrepareFolders(disk, folders).error().code, Code::kUnavailable);
    ASSERT_TRUE(LoadKeyring(disk, folders, ""));
    certificate =
        LoadSigningKey(disk, folders, clock, server->keyring(), server->store())->certificate_pem;
  }
  const auto lock = PrepareFolders(disk, folders);
  ASSERT_TRUE(lock);
  EXPECT_TRUE(LoadKeyring(disk, folders, ""));
  EXPECT_EQ(
      LoadSigningKey(disk, folders, clock, server->keyring(), server->store())->certificate_pem,
      certificate);
}

}  // namespace
}  // namespace kedge::server
