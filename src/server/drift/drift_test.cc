// Drift from the heartbeat to the alarm: real monitors, real API, both engines, simulated time.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "server/drift/alert.h"
#include "server/drift/alert_outbox.h"
#include "server/drift/retention.h"
#include "server/drift/testing/fleet_of_monitors.h"

namespace kedge::server {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

class DriftTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = TestServer::Make();
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
  }
  FleetOfMonitors& Fleet(MonitoredFleet options = {}) {
    fleet_ = std::make_unique<FleetOfMonitors>(*server_, std::move(options));
    return *fleet_;
  }
  // One simulated minute of the whole fleet.
  void Minute(const FleetOfMonitors::Change& change = {}, int samples = 60) {
    server_->clock().Advance(minutes(1));
    fleet_->Beat(samples, change);
    fleet_->Judge();
  }
  json::Value Model() { return *server_->Must("DescribeDrift", fleet_->Request()).Find("Model"); }
  json::Value OnlyAlarm() {
    const json::Value answer = server_->Must("ListDriftAlarms", "{}");
    const json::Array& alarms = *answer.Find("Alarms")->AsArray();
    EXPECT_EQ(alarms.size(), 1u);
    return alarms.empty() ? json::Value(json::Object{}) : alarms[0];
  }
  static double Number(const json::Value& object, const char* member) {
    const json::Value* const value = object.Find(member);
    return value == nullptr ? -1 : value->NumberOr(-1);
  }
  static std::string Texts(const json::Value& object, const char* list) {
    std::string texts;
    for (const json::Value& one : *object.Find(list)->AsArray()) {
      const std::string* text = one.AsString();
      texts += (texts.empty() ? "" : " ") +
               (text != nullptr ? *text : one.StringOr("Name", one.StringOr("DeviceName", "-")));
    }
    return texts;
  }
  std::string AlarmRequest(const std::string& more = "") {
    return R"({"AlarmId":")" + OnlyAlarm().StringOr("AlarmId", "") + "\"" + more + "}";
  }

  std::unique_ptr<TestServer> server_;
  std::unique_ptr<FleetOfMonitors> fleet_;
};

// Feature 1 of devices 3 and 7 is off by two deviations.
double TwoDevices(int device, size_t feature, double draw) {
  return (device == 3 || device == 7) && feature == 1 ? draw + 2 : draw;
}

TEST_F(DriftTest, AFleetWithoutDriftIsQuiet) {
  Fleet();
  for (int i = 0; i < 5; ++i) Minute();
  const json::Value model = Model();
  EXPECT_EQ(model.StringOr("State", ""), "QUIET");
  EXPECT_EQ(model.IntOr("Devices", 0), 10);
  EXPECT_EQ(model.IntOr("SamplesOfWindow", 0), 5 * 60 * 10);
  EXPECT_EQ(model.IntOr("AffectedDevices", -1), 0);
  EXPECT_LT(Number(model, "EvidenceLog10"), Number(model, "ThresholdLog10") - 1);
  EXPECT_EQ(server_->Must("ListDriftAlarms", "{}").Find("Alarms")->AsArray()->size(), 0u);
}

TEST_F(DriftTest, DevicesFeaturesAndTagsAreNamed) {
  Fleet();
  const auto tag = [&](int device, const char* key, const char* value) {
    server_->Must("AddTags",
                  R"({"ResourceArn":")" + server_->arns().Device("lab", fleet_->Name(device)) +
                      R"(","Tags":[{"Key":")" + key + R"(","Value":")" + value + "\"}]}");
  };
  for (int d = 0; d < 10; ++d) {
    tag(d, "site", d % 2 == 1 ? "north" : "south");
    tag(d, "lens", d == 3 || d == 7 ? "b" : "a");
  }
  for (int i = 0; i < 3; ++i) Minute(TwoDevices);
  const json::Value model = Model();
  EXPECT_EQ(model.StringOr("State", ""), "ALARM");
  EXPECT_EQ(model.StringOr("WorstFeature", ""), "x1");
  EXPECT_EQ(model.IntOr("AffectedDevices", 0), 2);

  const json::Value alarm = OnlyAlarm();
  EXPECT_EQ(Texts(alarm, "FeatureNames"), "x1");
  EXPECT_EQ(Texts(alarm, "DeviceNames"), "d003 d007");
  const json::Value& explains = (*alarm.Find("Tags")->AsArray())[0];
  EXPECT_EQ(explains.StringOr("Key", "") + "=" + explains.StringOr("Value", ""), "lens=b");
  EXPECT_EQ(explains.IntOr("AffectedDevices", 0), 2);

  const json::Value devices =
      server_->Must("ListDriftDevices", fleet_->Request("\"MaxResults\":3"));
  EXPECT_EQ(Texts(devices, "Devices"), "d003 d007 d000");
  const json::Value for_feature =
      server_->Must("ListDriftDevices", fleet_->Request(R"("FeatureName":"x1","MaxResults":1)"));
  EXPECT_EQ(Texts(for_feature, "Devices"), "d003");
  const json::Value next = server_->Must(
      "ListDriftDevices", fleet_->Request(R"("FeatureName":"x1","NextToken":")" +
                                          for_feature.StringOr("NextToken", "") + "\""));
  EXPECT_EQ(Texts(next, "Devices"), "d007");
}

TEST_F(DriftTest, AFeatureIsDescribedByItsCounts) {
  Fleet();
  for (int i = 0; i < 3; ++i) Minute(TwoDevices);
  const json::Value answer = server_->Must("DescribeDrift", fleet_->Request());
  const json::Value& feature = (*answer.Find("Features")->AsArray())[0];
  EXPECT_EQ(feature.StringOr("Name", ""), "x1");
  EXPECT_EQ(feature.IntOr("AffectedDevices", 0), 2);
  EXPECT_EQ(feature.IntOr("Samples", 0), 1'800);
  EXPECT_EQ(feature.Find("CurrentCounts")->AsArray()->size(), 16u);
  EXPECT_EQ(feature.Find("CutPoints")->AsArray()->size(), 15u);
  // Two of ten devices moved by 2: the mean by 0.4.
  EXPECT_NEAR(Number(feature, "EffectSd"), 0.4, 0.12);
  EXPECT_LT(Number(feature, "EffectLower"), 0.4);
  EXPECT_GT(Number(feature, "EffectUpper"), 0.4);
  EXPECT_GT(Number(*feature.Find("Distances"), "Ks"), 0.1);
  const json::Value history = server_->Must("GetDriftHistory", fleet_->Request());
  const json::Array& series = *history.Find("Series")->AsArray();
  EXPECT_EQ(series[0].Find("Points")->AsArray()->size(), 3u);
  EXPECT_EQ(series[1].StringOr("FeatureName", ""), "x1");
  EXPECT_EQ(history.Find("Alarms")->AsArray()->size(), 1u);
}

TEST_F(DriftTest, AReportThatComesThreeTimesIsCountedOnce) {
  Fleet();
  server_->clock().Advance(minutes(1));
  fleet_->Beat(50, {}, 3);
  fleet_->Judge();
  EXPECT_EQ(Model().IntOr("SamplesOfWindow", 0), 500);
  // Again after it was merged: the same (boot, sequence) in a later heartbeat.
  const std::string heartbeat = fleet_->Heartbeat(0);
  server_->Must("SendHeartbeat", heartbeat);
  fleet_->Judge();
  server_->Must("SendHeartbeat", heartbeat);
  fleet_->Judge();
  EXPECT_EQ(Model().IntOr("SamplesOfWindow", 0), 500);
  EXPECT_EQ(fleet_->work().totals().merged, 11u);
  EXPECT_EQ(fleet_->work().totals().duplicates, 1u);
}

TEST_F(DriftTest, StatisticsThatAreNoReportDoNotCostTheHeartbeat) {
  Fleet();
  server_->Must(
      "SendHeartbeat",
      R"({"AgentVersion":"1","DeviceName":"d000","DeviceFleetName":"lab","Statistics":"AAAA"})");
  fleet_->Judge();
  EXPECT_EQ(server_->Must("ListDriftModels", "{}").Find("Models")->AsArray()->size(), 0u);
}

TEST_F(DriftTest, CountsOfABaselineThatNoPackageHasAreDropped) {
  Fleet();
  const Status forgotten = server_->store().Write([](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const int64_t rows,
              transaction.Execute("DELETE FROM drift_baselines WHERE id <> $1", {""}));
    return {};
  });
  ASSERT_TRUE(forgotten);
  fleet_->Beat(10);
  fleet_->Judge();
  EXPECT_EQ(fleet_->work().totals().dropped, 10u);
  EXPECT_EQ(server_->Must("ListDriftModels", "{}").Find("Models")->AsArray()->size(), 0u);
}

TEST_F(DriftTest, AnAcknowledgedDriftDoesNotAlarmAgainAndAnotherDoes) {
  Fleet();
  for (int i = 0; i < 3; ++i) Minute(TwoDevices);
  const json::Value acknowledged =
      server_->Must("AcknowledgeDriftAlarm", AlarmRequest(R"(,"Comment":"the new lens")"));
  EXPECT_EQ(acknowledged.Find("Alarm")->StringOr("State", ""), "ACKNOWLEDGED");
  for (int i = 0; i < 5; ++i) Minute(TwoDevices);
  EXPECT_EQ(OnlyAlarm().StringOr("State", ""), "ACKNOWLEDGED");
  const auto another = [](int device, size_t feature, double draw) {
    return device == 5 && feature == 2 ? draw - 3 : TwoDevices(device, feature, draw);
  };
  for (int i = 0; i < 4; ++i) Minute(another);
  const json::Value alarm = OnlyAlarm();
  EXPECT_EQ(alarm.StringOr("State", ""), "ALARM");
  EXPECT_EQ(Texts(alarm, "FeatureNames"), "x1 x2");
  const json::Value described = server_->Must("DescribeDriftAlarm", AlarmRequest());
  std::string states;
  for (const json::Value& change : *described.Find("History")->AsArray()) {
    states += change.StringOr("State", "") + " ";
  }
  EXPECT_TRUE(states.ends_with("ALARM ACKNOWLEDGED ALARM ")) << states;
}

TEST_F(DriftTest, AnAlarmClosesAfterAQuietDay) {
  Fleet();
  for (int i = 0; i < 3; ++i) Minute(TwoDevices);
  server_->Must("AcknowledgeDriftAlarm", AlarmRequest());
  for (int i = 0; i < 50; ++i) {
    server_->clock().Advance(hours(1));
    fleet_->Beat(60);
    fleet_->Judge();
  }
  EXPECT_EQ(OnlyAlarm().StringOr("State", ""), "CLOSED");
  EXPECT_EQ(Model().StringOr("State", ""), "QUIET");
  EXPECT_EQ(server_->Call("CloseDriftAlarm", AlarmRequest()).error, "ResourceInUse");
}

TEST_F(DriftTest, ASilencedModelDoesNotAlarmUntilTheSilenceIsOver) {
  Fleet();
  Minute();
  server_->Must("SilenceDrift", fleet_->Request(R"("Minutes":5)"));
  for (int i = 0; i < 3; ++i) Minute(TwoDevices);
  EXPECT_EQ(OnlyAlarm().StringOr("State", ""), "SILENCED");
  server_->clock().Advance(minutes(5));
  Minute(TwoDevices);
  EXPECT_EQ(OnlyAlarm().StringOr("State", ""), "ALARM");
  server_->Must("SilenceDrift", fleet_->Request(R"("Minutes":5)"));
  EXPECT_EQ(OnlyAlarm().StringOr("State", ""), "SILENCED");
  server_->Must("UnsilenceDrift", fleet_->Request());
  EXPECT_EQ(OnlyAlarm().StringOr("State", ""), "ALARM");
}

TEST_F(DriftTest, NamedDevicesAreAskedToCapture) {
  Fleet();
  for (int i = 0; i < 3; ++i) Minute(TwoDevices);
  server_->clock().Advance(seconds(3));
  const auto policies = [&](const char* device) {
    const json::Value answer =
        server_->Must("GetDeployments",
                      R"({"DeviceFleetName":"lab","DeviceName":")" + std::string(device) + "\"}");
    return *protocol::ParseCapturePolicies(answer);
  };
  EXPECT_TRUE(policies("d000").empty());
  ASSERT_EQ(policies("d003").size(), 1u);
  const protocol::CapturePolicy policy = policies("d003")[0];
  EXPECT_EQ(policy.model_name, "detector");
  EXPECT_EQ(policy.features, std::vector<std::string>{"x1"});
  EXPECT_GT(policy.until, server_->clock().NowMs() + 5 * 3'600'000);
  server_->clock().Advance(hours(7));
  EXPECT_TRUE(policies("d003").empty());
}

TEST_F(DriftTest, AlertsAreSignedSentAgainAndCounted) {
  Fleet();
  const json::Value put = server_->Must(
      "PutAlertTarget", R"({"TargetName":"hook","Address":"https://hooks.example.com/k"})");
  const std::string secret = put.StringOr("Secret", "");
  EXPECT_EQ(secret.size(), 64u);
  server_->Must(
      "PutAlertTarget",
      R"({"TargetName":"ops","Address":"mailto:ops@example.com","AlertKinds":["DriftAlarm"]})");
  server_->Must("PutAlertTarget",
                R"({"TargetName":"roof","Address":"https://h/","DeviceFleetNames":["roof"]})");
  for (int i = 0; i < 3; ++i) Minute(TwoDevices);

  store::Lease lease{.name = kAlertLease, .holder = "test"};
  ASSERT_TRUE(server_->store().Write([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto taken,
              store::AcquireLease(transaction, {.name = kAlertLease, .holder = "test", .now = 1}));
    lease = *taken;
    return {};
  }));
  const auto send = [&] {
    for (;;) {
      const auto step = SendAlertStep(server_->store(), server_->clock(), server_->alerts(), lease);
      ASSERT_TRUE(step) << step.error().message;
      if (*step == LeasedStep::kIdle) return;
    }
  };
  server_->web().status = 500;
  send();
  ASSERT_EQ(server_->web().sent.size(), 1u);
  ASSERT_EQ(server_->mail().sent.size(), 1u);
  EXPECT_EQ(server_->mail().sent[0].subject, "[kedge] DriftAlarm: detector 1 in lab");
  send();  // not yet
  EXPECT_EQ(server_->web().sent.size(), 1u);
  server_->clock().Advance(seconds(5));
  server_->web().status = 204;
  send();
  ASSERT_EQ(server_->web().sent.size(), 2u);
  const http::ClientRequest& request = server_->web().sent[1];
  EXPECT_EQ(request.headers.Get("X-Kedge-Event"), "DriftAlarm");
  EXPECT_EQ(request.headers.Get("X-Kedge-Delivery"),
            server_->web().sent[0].headers.Get("X-Kedge-Delivery"));
  EXPECT_EQ(request.headers.Get("X-Kedge-Signature"),
            AlertSignature(secret, server_->clock().NowMs(), request.body));
  const json::Value body = *json::Parse(request.body);
  EXPECT_EQ(Texts(body, "DeviceNames"), "d003 d007");
  EXPECT_EQ(Texts(body, "FeatureNames"), "x1");
  const json::Value targets = server_->Must("ListAlertTargets", "{}");
  const json::Value& hook = (*targets.Find("Targets")->AsArray())[0];
  EXPECT_EQ(hook.IntOr("Delivered", 0), 1);
  EXPECT_EQ(hook.StringOr("LastError", "none"), "none");
}

TEST_F(DriftTest, AnAlertIsGivenUpAfterADay) {
  EXPECT_EQ(AlertWaitMs(1), 5'000);
  EXPECT_EQ(AlertWaitMs(2), 10'000);
  EXPECT_EQ(AlertWaitMs(100), kAlertWaitMsMax);
  server_->Must("PutAlertTarget", R"({"TargetName":"hook","Address":"https://h/"})");
  Fleet();
  for (int i = 0; i < 3; ++i) Minute(TwoDevices);
  store::Lease lease;
  ASSERT_TRUE(server_->store().Write([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto taken,
              store::AcquireLease(transaction, {.name = kAlertLease, .holder = "test", .now = 1}));
    lease = *taken;
    return {};
  }));
  server_->web().status = 404;
  for (int i = 0; i < 60; ++i) {
    ASSERT_TRUE(SendAlertStep(server_->store(), server_->clock(), server_->alerts(), lease));
    server_->clock().Advance(hours(1));
  }
  const json::Value targets = server_->Must("ListAlertTargets", "{}");
  const json::Value& hook = (*targets.Find("Targets")->AsArray())[0];
  EXPECT_EQ(hook.IntOr("Dropped", 0), 1);
  EXPECT_EQ(hook.IntOr("Waiting", -1), 0);
  EXPECT_EQ(hook.StringOr("LastError", ""), "answered status 404");
  EXPECT_LT(server_->web().sent.size(), 60u);
}

TEST_F(DriftTest, ATargetIsTestedAtOnce) {
  server_->Must("PutAlertTarget", R"({"TargetName":"hook","Address":"https://h/"})");
  json::Value tested = server_->Must("TestAlertTarget", R"({"TargetName":"hook"})");
  EXPECT_TRUE(tested.BoolOr("Delivered", false));
  server_->web().status = 503;
  tested = server_->Must("TestAlertTarget", R"({"TargetName":"hook"})");
  EXPECT_FALSE(tested.BoolOr("Delivered", true));
  EXPECT_EQ(tested.StringOr("Message", ""), "answered status 503");
  EXPECT_EQ(server_->Call("TestAlertTarget", R"({"TargetName":"none"})").error, "ResourceNotFound");
  server_->Must("DeleteAlertTarget", R"({"TargetName":"hook"})");
  EXPECT_EQ(server_->Call("DeleteAlertTarget", R"({"TargetName":"hook"})").error,
            "ResourceNotFound");
}

TEST_F(DriftTest, AlertsGoOverHttpsOrToThisHost) {
  const struct {
    const char* address;
    bool has_mail;
    const char* message;  // empty: taken
  } cases[] = {
      {"https://example.com/hook", false, ""},
      {"http://127.0.0.1:9/", false, ""},
      {"http://localhost:9/", false, ""},
      {"http://example.com/", false, "Address http://example.com/ must be https"},
      {"http://127.evil.example.com/", false, "Address http://127.evil.example.com/ must be https"},
      {"mailto:a@b", true, ""},
      {"mailto:a@b", false, "Address mailto:a@b needs a mail server: set --smtp-url"},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(one.address);
    const Status status = CheckAlertAddress(one.address, one.has_mail);
    EXPECT_EQ(status ? "" : status.error().message, one.message);
  }
}

TEST_F(DriftTest, QualityIsMeasuredOnLabels) {
  Fleet();
  std::string records;
  for (int i = 0; i < 10; ++i) {
    records += std::string(i > 0 ? "," : "") + R"({"InferenceId":"i)" + std::to_string(i) +
               R"(","Label":"cat","Prediction":")" + (i < 8 ? "cat" : "dog") + "\"}";
  }
  const json::Value uploaded =
      server_->Must("UploadGroundTruth", fleet_->Request("\"Records\":[" + records + "]"));
  EXPECT_EQ(uploaded.IntOr("Records", 0), 10);
  server_->Must(
      "UploadGroundTruth",
      fleet_->Request(R"("Records":[{"InferenceId":"i9","Label":"dog","Prediction":"dog"}])"));
  const json::Value quality = server_->Must("GetModelQuality", fleet_->Request());
  EXPECT_EQ(quality.IntOr("Samples", 0), 10);
  const json::Value& accuracy = (*quality.Find("Metrics")->AsArray())[0];
  EXPECT_EQ(accuracy.StringOr("Name", ""), "accuracy");
  EXPECT_DOUBLE_EQ(Number(accuracy, "Value"), 0.9);
  EXPECT_EQ(quality.Find("Confusion")->AsArray()->size(), 3u);
  const Answer neither = server_->Call(
      "UploadGroundTruth", fleet_->Request(R"("Records":[{"InferenceId":"i","Label":"cat"}])"));
  EXPECT_EQ(neither.error, "ValidationException");
}

TEST_F(DriftTest, WhoIsHeldToOneFleetSeesNoOther) {
  Fleet();
  for (int i = 0; i < 3; ++i) Minute(TwoDevices);
  const Identity other{.role = Role::kOperator, .access_key_id = "K", .fleets = {"roof"}};
  EXPECT_EQ(server_->CallAs(other, "ListDriftModels", "{}").body.Find("Models")->AsArray()->size(),
            0u);
  EXPECT_EQ(server_->CallAs(other, "ListDriftAlarms", "{}").body.Find("Alarms")->AsArray()->size(),
            0u);
  EXPECT_EQ(server_->CallAs(other, "DescribeDriftAlarm", AlarmRequest()).error, "ResourceNotFound");
  EXPECT_EQ(server_->CallAs(other, "AcknowledgeDriftAlarm", AlarmRequest()).error,
            "ResourceNotFound");
}

TEST_F(DriftTest, WhatIsOldIsDeleted) {
  Fleet();
  for (int i = 0; i < 3; ++i) Minute(TwoDevices);
  server_->clock().Advance(hours(24 * 100));
  store::Lease lease;
  ASSERT_TRUE(server_->store().Write([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto taken,
              store::AcquireLease(transaction,
                                  {.name = kDriftRetentionLease, .holder = "test", .now = 1}));
    lease = *taken;
    return {};
  }));
  for (;;) {
    const auto step = DriftRetentionStep(server_->store(), server_->clock(), lease);
    ASSERT_TRUE(step) << step.error().message;
    if (*step == LeasedStep::kIdle) break;
  }
  EXPECT_EQ(server_->Must("ListDriftModels", "{}").Find("Models")->AsArray()->size(), 0u);
  EXPECT_EQ(server_->Call("DescribeDrift", fleet_->Request()).error, "ResourceNotFound");
}

}  // namespace
}  // namespace kedge::server
