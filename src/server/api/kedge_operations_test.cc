// The operations that AWS lacks: events, model registry, device commands, import, captures, status.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "server/testing/test_server.h"
#include "store/tables/events.h"
#include "store/tables/jobs.h"

namespace kedge::server {
namespace {

constexpr char kFleet[] =
    R"({"DeviceFleetName":"lab","OutputConfig":{"S3OutputLocation":"s3://captures/out"}})";

class KedgeOperationsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = TestServer::Make();
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
  }
  void AddDevices(const std::string& names) {
    server_->Must("CreateDeviceFleet", kFleet);
    server_->Must("RegisterDevices", R"({"DeviceFleetName":"lab","Devices":[)" + names + "]}");
  }
  void ExpectError(const Answer& answer, const std::string& code, const std::string& message) {
    EXPECT_EQ(answer.error, code);
    EXPECT_EQ(answer.message, message);
  }
  // The texts of one member of the elements of a list.
  static std::string Column(const json::Value& answer, const char* list, const char* member) {
    std::string column;
    for (const json::Value& item : *answer.Find(list)->AsArray()) {
      column += (column.empty() ? "" : " ") + item.StringOr(member, "-");
    }
    return column;
  }
  std::unique_ptr<TestServer> server_;
};

TEST_F(KedgeOperationsTest, TheFeedOfEventsIsFollowedByACursor) {
  AddDevices(R"({"DeviceName":"d1"},{"DeviceName":"d2"})");
  json::Value feed = server_->Must("ListEvents", R"({"MaxResults":1})");
  EXPECT_EQ(Column(feed, "Events", "Kind"), "FleetCreated");
  EXPECT_EQ(feed.StringOr("Cursor", ""), "1");
  feed = server_->Must("ListEvents", R"({"NextToken":")" + feed.StringOr("NextToken", "") + "\"}");
  EXPECT_EQ(Column(feed, "Events", "Kind"), "DevicesRegistered");
  EXPECT_EQ(Column(feed, "Events", "Message"), "2 devices");
  EXPECT_EQ(feed.StringOr("NextToken", "none"), "none");
  const std::string cursor = feed.StringOr("Cursor", "");
  const auto since = [&] { return server_->Must("ListEvents", R"({"Since":")" + cursor + "\"}"); };
  EXPECT_EQ(Column(since(), "Events", "Kind"), "");
  EXPECT_EQ(since().StringOr("Cursor", ""), cursor);
  server_->clock().Advance(std::chrono::seconds(1));
  server_->Must("DeregisterDevices", R"({"DeviceFleetName":"lab","DeviceNames":["d1"]})");
  EXPECT_EQ(Column(since(), "Events", "Kind"), "DevicesDeregistered");
  EXPECT_EQ(Column(server_->Must("ListEvents", R"({"SortOrder":"Descending"})"), "Events", "Kind"),
            "DevicesDeregistered DevicesRegistered FleetCreated");
  EXPECT_EQ(
      Column(server_->Must("ListEvents", R"({"Kind":"FleetCreated","DeviceFleetName":"lab"})"),
             "Events", "Resource"),
      "arn:aws:sagemaker:us-east-1:000000000000:device-fleet/lab");
  EXPECT_EQ(Column(server_->Must("ListEvents", R"({"Severity":"ERROR"})"), "Events", "Kind"), "");
}

// An event is numbered when it is seen, so that one that is committed late is not missed by a
// reader who is past its time.
TEST_F(KedgeOperationsTest, AnEventThatCommitsLateIsBehindTheCursor) {
  server_->Must("CreateDeviceFleet", kFleet);
  const std::string cursor = server_->Must("ListEvents", "{}").StringOr("Cursor", "");
  const EpochMs earlier = server_->clock().NowMs() - 60'000;
  ASSERT_TRUE(server_->store().Write([&](store::Transaction& transaction) {
    return store::AddEvent(transaction, earlier,
                           {.kind = store::EventKind::kKeyRotated, .resource = "late"});
  }));
  EXPECT_EQ(
      Column(server_->Must("ListEvents", R"({"Since":")" + cursor + "\"}"), "Events", "Resource"),
      "late");
}

TEST_F(KedgeOperationsTest, EventsOlderThanNinetyDaysGo) {
  server_->Must("CreateDeviceFleet", kFleet);
  server_->Must("ListEvents", "{}");
  server_->clock().Advance(std::chrono::hours(24 * 91));
  server_->Must("DeleteDeviceFleet", R"({"DeviceFleetName":"lab"})");
  EXPECT_EQ(Column(server_->Must("ListEvents", "{}"), "Events", "Kind"), "FleetDeleted");
}

TEST_F(KedgeOperationsTest, TheDescriptionNamesEveryKindOfEvent) {
  const Operation* operation = server_->Find("ListEvents");
  ASSERT_NE(operation, nullptr);
  for (const Shape::Member& member : operation->input.members) {
    if (member.name != "Kind") continue;
    std::vector<std::string> names;
    for (const store::EventKind kind : store::EventKinds()) names.emplace_back(Name(kind));
    EXPECT_EQ(member.shape->enumeration, names);
  }
}

TEST_F(KedgeOperationsTest, APackagingJobMakesItsModelVersionWithLineage) {
  ASSERT_TRUE(server_->blobs().CreateBucket("models"));
  const auto source = blob::PutObject(server_->blobs(), {"models", "net.onnx"}, AsBytes("net"), "");
  ASSERT_TRUE(source);
  server_->clock().Advance(std::chrono::seconds(5));
  const EpochMs now = server_->clock().NowMs();
  ASSERT_TRUE(server_->store().Write([&](store::Transaction& transaction) {
    return store::InsertCompilationJob(
        transaction,
        {.name = "compile",
         .status = std::string(store::kJobCompleted),
         .request = R"({"InputConfig":{"S3Uri":"s3://models/net.onnx","Framework":"ONNX"},
                        "OutputConfig":{"TargetPlatform":{"Os":"LINUX","Arch":"ARM64"}}})",
         .created = now,
         .modified = now,
         .started = now,
         .artifact_uri = "s3://models/net-LINUX_ARM64.tar.gz",
         .artifact_sha256 = "ab"});
  }));
  server_->Must("CreateEdgePackagingJob",
                R"({"EdgePackagingJobName":"pack","CompilationJobName":"compile","ModelName":"net",
                    "ModelVersion":"1.0","RoleArn":"arn:aws:iam::000000000000:role/edge",
                    "OutputConfig":{"S3OutputLocation":"s3://models/out"}})");
  const std::string name = R"({"ModelName":"net","ModelVersion":"1.0"})";
  json::Value version = server_->Must("DescribeModelVersion", name);
  EXPECT_EQ(version.StringOr("ApprovalStatus", ""), "PENDING");
  const json::Value& lineage = *version.Find("Lineage");
  EXPECT_EQ(lineage.StringOr("SourceUri", ""), "s3://models/net.onnx");
  EXPECT_EQ(lineage.StringOr("SourceSha256", ""), source->sha256);
  EXPECT_EQ(Column(lineage, "Steps", "Kind"), "COMPILATION_JOB PACKAGING_JOB");
  EXPECT_EQ(Column(lineage, "Steps", "Target"), "LINUX_ARM64 -");
  EXPECT_EQ(Column(lineage, "Steps", "Status"), "COMPLETED STARTING");
  EXPECT_EQ(Column(lineage, "Steps", "Digest"), "sha256:ab -");
  EXPECT_EQ(server_->Must("DescribeModel", R"({"ModelName":"net"})").StringOr("LatestVersion", ""),
            "1.0");

  server_->Must("UpdateModelVersion",
                R"({"ModelName":"net","ModelVersion":"1.0","ApprovalStatus":"REJECTED",
                    "Description":"loses cats","Metadata":[{"Key":"accuracy","Value":"0.4"}]})");
  version = server_->Must("DescribeModelVersion", name);
  EXPECT_EQ(version.StringOr("ApprovalStatus", ""), "REJECTED");
  EXPECT_EQ(version.StringOr("Description", ""), "loses cats");
  EXPECT_EQ(Column(version, "Metadata", "Value"), "0.4");
  server_->Must("CreateDeviceFleet", kFleet);
  ExpectError(
      server_->Call("CreateEdgeDeploymentPlan",
                    R"({"EdgeDeploymentPlanName":"plan","DeviceFleetName":"lab","ModelConfigs":
                        [{"ModelHandle":"net","EdgePackagingJobName":"pack"}]})"),
      "ResourceInUse", "Version 1.0 of model net is REJECTED");
  server_->Must("UpdateModelVersion",
                R"({"ModelName":"net","ModelVersion":"1.0","ApprovalStatus":"APPROVED"})");
  server_->Must("CreateEdgeDeploymentPlan",
                R"({"EdgeDeploymentPlanName":"plan","DeviceFleetName":"lab","ModelConfigs":
                    [{"ModelHandle":"net","EdgePackagingJobName":"pack"}]})");
  ExpectError(server_->Call("DeleteModelVersion", name), "ResourceInUse",
              "Version 1.0 of model net is in deployment plan plan");
  EXPECT_EQ(Column(server_->Must("ListModelVersions", R"({"ApprovalStatus":"APPROVED"})"),
                   "ModelVersions", "ModelName"),
            "net");
}

TEST_F(KedgeOperationsTest, ModelsAreMadeByHandListedAndDeleted) {
  for (const char* name : {"b", "a", "c"}) {
    server_->Must("CreateModel", R"({"ModelName":")" + std::string(name) + "\"}");
    server_->clock().Advance(std::chrono::seconds(1));
  }
  ExpectError(server_->Call("CreateModel", R"({"ModelName":"a"})"), "ResourceInUse",
              "Model with name a already exists");
  EXPECT_EQ(Column(server_->Must("ListModels", "{}"), "Models", "ModelName"), "b a c");
  EXPECT_EQ(Column(server_->Must("ListModels", R"({"SortBy":"NAME","SortOrder":"Descending"})"),
                   "Models", "ModelName"),
            "c b a");
  const std::string version = R"({"ModelName":"a","ModelVersion":"2"})";
  server_->Must("CreateModelVersion", version);
  ExpectError(server_->Call("CreateModelVersion", version), "ResourceInUse",
              "Version 2 of model a already exists");
  ExpectError(
      server_->Call("CreateModelVersion",
                    R"({"ModelName":"a","ModelVersion":"3","SourceUri":"s3://absent/net"})"),
      "ValidationException", "SourceUri: bucket 'absent' does not exist");
  ExpectError(server_->Call("DeleteModel", R"({"ModelName":"a"})"), "ResourceInUse",
              "Model a has 1 versions");
  server_->Must("DeleteModelVersion", version);
  ExpectError(server_->Call("DescribeModelVersion", version), "ResourceNotFound",
              "No version 2 of model: a");
  server_->Must("DeleteModel", R"({"ModelName":"a"})");
  ExpectError(server_->Call("DescribeModel", R"({"ModelName":"a"})"), "ResourceNotFound",
              "No model with name: a");
  server_->quotas().models = 2;
  ExpectError(server_->Call("CreateModel", R"({"ModelName":"d"})"), "ResourceLimitExceeded",
              "The limit of 2 models is reached: there are 2, 1 more were asked for");
}

TEST_F(KedgeOperationsTest, ACommandIsFetchedReportedAndListed) {
  AddDevices(R"({"DeviceName":"d1"},{"DeviceName":"d2"})");
  const std::string id =
      server_
          ->Must("SendDeviceCommand", R"({"DeviceFleetName":"lab","DeviceNames":["d1","d2","d1"],
                 "Kind":"RESTART_MODEL","Parameters":{"ModelHandle":"digits"}})")
          .StringOr("CommandId", "");
  const auto states = [&] {
    return Column(server_->Must("ListDeviceCommands",
                                R"({"DeviceFleetName":"lab","CommandId":")" + id + "\"}"),
                  "DeviceCommands", "Status");
  };
  EXPECT_EQ(states(), "QUEUED QUEUED");
  const std::string d1 = R"("DeviceFleetName":"lab","DeviceName":"d1")";
  for (int poll = 0; poll < 2; ++poll) {  // until it is reported
    const json::Value answer = server_->Must("GetDeployments", "{" + d1 + "}");
    EXPECT_EQ(Column(answer, "Commands", "CommandId"), id);
    EXPECT_EQ(
        answer.Find("Commands")->AsArray()->at(0).Find("Parameters")->StringOr("ModelHandle", ""),
        "digits");
  }
  EXPECT_EQ(states(), "QUEUED SENT");  // newest first: d2, d1
  const std::string report = "{" + d1 + R"(,"CommandId":")" + id + R"(","Status":"FAILED",
                             "Message":"no model of that handle is loaded"})";
  server_->Must("ReportDeviceCommand", report);
  server_->Must("ReportDeviceCommand", report);
  EXPECT_EQ(states(), "QUEUED FAILED");
  EXPECT_EQ(server_->Must("GetDeployments", "{" + d1 + "}").Find("Commands"), nullptr);
  EXPECT_EQ(Column(server_->Must("ListEvents", R"({"Severity":"WARNING"})"), "Events", "Message"),
            "no model of that handle is loaded");
  const json::Value cancelled = server_->Must(
      "CancelDeviceCommand", R"({"DeviceFleetName":"lab","CommandId":")" + id + "\"}");
  EXPECT_EQ(cancelled.IntOr("CancelledCount", -1), 1);
  EXPECT_EQ(states(), "CANCELLED FAILED");
}

TEST_F(KedgeOperationsTest, ACommandExpiresAndIsForgotten) {
  AddDevices(R"({"DeviceName":"d1"})");
  const std::string send =
      R"({"DeviceFleetName":"lab","DeviceNames":["d1"],"Kind":"REPORT_NOW","ExpiresInSeconds":60})";
  server_->Must("SendDeviceCommand", send);
  server_->clock().Advance(std::chrono::seconds(61));
  EXPECT_EQ(server_->Must("GetDeployments", R"({"DeviceFleetName":"lab","DeviceName":"d1"})")
                .Find("Commands"),
            nullptr);
  const std::string list = R"({"DeviceFleetName":"lab"})";
  EXPECT_EQ(Column(server_->Must("ListDeviceCommands", list), "DeviceCommands", "Status"),
            "EXPIRED");
  server_->clock().Advance(std::chrono::hours(24 * 31));
  server_->Must("SendDeviceCommand", send);
  EXPECT_EQ(Column(server_->Must("ListDeviceCommands", list), "DeviceCommands", "Status"),
            "QUEUED");
}

TEST_F(KedgeOperationsTest, WrongCommandsAreRefused) {
  AddDevices(R"({"DeviceName":"d1"})");
  const struct {
    const char* body;
    const char* message;
  } cases[] = {
      {R"({"DeviceFleetName":"lab","DeviceNames":["d1"],"Kind":"RESTART_MODEL"})",
       "Kind RESTART_MODEL needs Parameters.ModelHandle"},
      {R"({"DeviceFleetName":"lab","DeviceNames":["d1"],"Kind":"REPORT_NOW",
           "Parameters":{"ModelHandle":"digits"}})",
       "Kind REPORT_NOW takes no Parameters.ModelHandle"},
      {R"({"DeviceFleetName":"lab","DeviceNames":["d9"],"Kind":"REPORT_NOW"})",
       "No device with name: d9"},
      {R"({"DeviceFleetName":"no","DeviceNames":["d1"],"Kind":"REPORT_NOW"})",
       "No devicefleet with name: no"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.body);
    ExpectError(server_->Call("SendDeviceCommand", c.body), "ValidationException", c.message);
  }
  ExpectError(server_->Call("CancelDeviceCommand",
                            R"({"DeviceFleetName":"lab",
                                "CommandId":"00000000000000000000000000000000"})"),
              "ResourceNotFound", "No command with id: 00000000000000000000000000000000");
}

TEST_F(KedgeOperationsTest, ABatchIsImportedWholeOrNotAtAll) {
  AddDevices(R"({"DeviceName":"d1","Description":"old"})");
  const std::string head = R"({"DeviceFleetName":"lab","Devices":[)";
  json::Value answer = server_->Must(
      "ImportDevices", head + R"({"DeviceName":"d2"},{"DeviceName":"d1","Description":"new"},
                                 {"DeviceName":"d2"}]})");
  EXPECT_FALSE(answer.BoolOr("Applied", true));
  EXPECT_EQ(Column(answer, "Results", "Result"), "REGISTERED REFUSED REFUSED");
  EXPECT_EQ(
      server_->Call("DescribeDevice", R"({"DeviceFleetName":"lab","DeviceName":"d2"})").status,
      400);
  const std::string good = head + R"({"DeviceName":"d2","IotThingName":"t2",
      "Tags":[{"Key":"site","Value":"north"}]},{"DeviceName":"d1","Description":"old"}])";
  answer = server_->Must("ImportDevices", good + R"(,"DryRun":true})");
  EXPECT_FALSE(answer.BoolOr("Applied", true));
  EXPECT_EQ(Column(answer, "Results", "Result"), "REGISTERED UNCHANGED");
  EXPECT_TRUE(server_->Must("ImportDevices", good + "}").BoolOr("Applied", false));
  EXPECT_EQ(Column(server_->Must("ListTags", R"({"ResourceArn":
                "arn:aws:sagemaker:us-east-1:000000000000:device-fleet/lab/device/d2"})"),
                   "Tags", "Value"),
            "north");
  EXPECT_EQ(Column(server_->Must("ImportDevices", good + "}"), "Results", "Result"),
            "UNCHANGED UNCHANGED");
  server_->quotas().devices = 2;
  ExpectError(server_->Call("ImportDevices", head + R"({"DeviceName":"d3"}]})"),
              "ResourceLimitExceeded",
              "The limit of 2 devices of one fleet is reached: there are 2, 1 more were asked for");
}

class CapturesTest : public KedgeOperationsTest {
 protected:
  void SetUp() override {
    KedgeOperationsTest::SetUp();
    server_->Must("CreateDeviceFleet", kFleet);
    ASSERT_TRUE(server_->blobs().CreateBucket("captures"));
    Put("out/lab/digits/2026/11/22/13/0a.jsonl",
        Line("d1", "a", "2026-11-22T13:00:01") + Line("d2", "b", "2026-11-22T13:59:59"));
    Put("out/lab/digits/2026/11/22/14/0b.jsonl", Line("d1", "c", "2026-11-22T14:00:00"));
    Put("out/lab/shapes/2026/11/22/13/0c.jsonl", Line("d1", "d", "2026-11-22T13:30:00"));
    Put("out/lab/digits/2026/11/22/13/raw-data/input-tensors/a-1.bin", "raw");
    Put("out/lab/digits/notes.jsonl", Line("d1", "x", "2026-11-22T13:00:00"));
    Put("out/other/digits/2026/11/22/13/0d.jsonl", Line("d1", "y", "2026-11-22T13:00:00"));
    Put("out/lab/digits/2026/11/22/15/0e.jsonl", "not json\n{}\n");
  }
  void Put(const std::string& key, const std::string& text) {
    ASSERT_TRUE(blob::PutObject(server_->blobs(), {"captures", key}, AsBytes(text), ""));
  }
  static std::string Line(const std::string& device, const std::string& id,
                          const std::string& time) {
    return R"({"deviceFleetInputs":[{"name":"image"}],"deviceFleetOutputs":[],"eventMetadata":{"deviceId":")" +
           device + R"(","eventId":")" + id + R"(","inferenceTime":")" + time +
           R"(","modelName":"net","modelVersion":"1"},"eventVersion":"0"})" + "\n";
  }
  std::string Ids(const std::string& more) {
    return Column(server_->Must("ListCaptures", R"({"DeviceFleetName":"lab")" + more + "}"),
                  "Captures", "CaptureId");
  }
};

TEST_F(CapturesTest, AreListedByModelDeviceAndTime) {
  EXPECT_EQ(Ids(""), "a b c d");
  EXPECT_EQ(Ids(R"(,"ModelHandle":"digits")"), "a b c");
  EXPECT_EQ(Ids(R"(,"DeviceName":"d2")"), "b");
  EXPECT_EQ(Ids(R"(,"TimeAfter":1795354200,"TimeBefore":1795356000)"), "b d");  // 13:30 to 14:00
  EXPECT_EQ(Ids(R"(,"FolderPrefix":"site")"), "");
}

TEST_F(CapturesTest, SayWhyTheyWereTaken) {
  std::string line = Line("d1", "auto-1", "2026-11-23T01:00:00");
  line.replace(line.find(R"("modelName")"), 0,
               R"("captureReason":"drift","inclusionProbability":0.25,)");
  Put("out/lab/digits/2026/11/23/01/d1.0f.jsonl", line);
  const json::Value list =
      server_->Must("ListCaptures", R"({"DeviceFleetName":"lab","ModelHandle":"digits"})");
  const json::Array& captures = *list.Find("Captures")->AsArray();
  ASSERT_EQ(captures.size(), 4u);
  EXPECT_EQ(captures[0].Find("CaptureReason"), nullptr);
  EXPECT_EQ(captures[3].StringOr("CaptureReason", ""), "drift");
  EXPECT_EQ(captures[3].Find("InclusionProbability")->NumberOr(0), 0.25);
}

TEST_F(CapturesTest, ComeInPagesThatBreakInsideAFile) {
  std::string ids;
  std::string token;
  int pages = 0;
  do {
    const json::Value answer = server_->Must(
        "ListCaptures", R"({"DeviceFleetName":"lab","MaxResults":1)" +
                            (token.empty() ? "" : R"(,"NextToken":")" + token + "\"") + "}");
    ids += Column(answer, "Captures", "CaptureId");
    token = answer.StringOr("NextToken", "");
  } while (!token.empty() && ++pages < 10);
  EXPECT_EQ(ids, "abcd");
}

TEST_F(CapturesTest, AreReadOneByOneAndOnlyOfTheNamedFleet) {
  const json::Value list = server_->Must("ListCaptures", R"({"DeviceFleetName":"lab"})");
  const std::string location = list.Find("Captures")->AsArray()->at(1).StringOr("Location", "");
  EXPECT_EQ(location, "s3://captures/out/lab/digits/2026/11/22/13/0a.jsonl#2");
  const auto get = [&](const std::string& where) {
    return server_->Call("GetCapture", R"({"DeviceFleetName":"lab","Location":")" + where + "\"}");
  };
  const Answer answer = get(location);
  EXPECT_EQ(answer.body.StringOr("Record", "") + "\n", Line("d2", "b", "2026-11-22T13:59:59"));
  EXPECT_EQ(answer.body.StringOr("RawPrefix", ""),
            "s3://captures/out/lab/digits/2026/11/22/13/raw-data/");
  ExpectError(get("s3://captures/out/other/digits/2026/11/22/13/0d.jsonl#1"), "ValidationException",
              "Location is not a capture of fleet lab");
  ExpectError(get("s3://captures/out/lab/digits/2026/11/22/13/0a.jsonl#9"), "ResourceNotFound",
              "No capture at: s3://captures/out/lab/digits/2026/11/22/13/0a.jsonl#9");
}

TEST_F(KedgeOperationsTest, TheServerSaysWhatItIs) {
  AddDevices(R"({"DeviceName":"d1"})");
  const json::Value status = server_->Must("DescribeServer", "{}");
  EXPECT_EQ(status.StringOr("Version", ""), KEDGE_VERSION);
  EXPECT_EQ(status.StringOr("Account", ""), "000000000000");
  EXPECT_GE(status.IntOr("SchemaVersion", 0), 8);
  for (const json::Value& count : *status.Find("Counts")->AsArray()) {
    const std::string name = count.StringOr("Name", "");
    if (name != "fleets" && name != "devices") continue;
    EXPECT_EQ(count.IntOr("Count", -1), 1) << name;
  }
}

}  // namespace
}  // namespace kedge::server
