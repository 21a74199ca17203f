// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <future>
#include <gtest/gtest.h>
#include <random>

#include "base/testing/fake_clock.h"
#include "server/ingest/heartbeats.h"
#include "server/ingest/recount.h"
#include "server/ingest/retention.h"
#include "server/testing/test_server.h"
#include "store/tables/deployments.h"
#include "store/tables/devices.h"
#include "store/tables/fleet_counts.h"

namespace kedge::server {
namespace {

class Ingest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = TestServer::Make();
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    server_->Must("CreateDeviceFleet",
                  R"({"DeviceFleetName":"lab","OutputConfig":{"S3OutputLocation":"s3://b/p"}})");
    server_->Must("RegisterDevices",
                  R"({"DeviceFleetName":"lab","Devices":[)"
                  R"({"DeviceName":"d1"},{"DeviceName":"d2"},{"DeviceName":"d3"}]})");
  }

  static HeartbeatRecord Record(const std::string& device, EpochMs time) {
    return {.state = {.key = {"lab", device}, .heartbeat_time = time, .agent_version = "1.0"}};
  }
  store::Device Find(const std::string& device) {
    store::Device found;
    const auto status = server_->store().Read([&](store::Transaction& transaction) -> Status {
      KEDGE_TRY(const auto row, store::FindDevice(transaction, "lab", device));
      found = row.value_or(store::Device());
      return {};
    });
    EXPECT_TRUE(status);
    return found;
  }
  store::FleetReport Report(int64_t minute_min) {
    store::FleetReport report;
    const auto status = server_->store().Read([&](store::Transaction& transaction) -> Status {
      KEDGE_TRY(report, store::ReadFleetReport(transaction, "lab", minute_min));
      return {};
    });
    EXPECT_TRUE(status);
    return report;
  }
  Status Apply(const std::vector<HeartbeatRecord>& records) {
    return server_->store().Write([&](store::Transaction& transaction) {
      return ApplyBatch(transaction, records, 1, outcomes_);
    });
  }

  std::unique_ptr<TestServer> server_;
  std::vector<Outcome> outcomes_;
};

TEST_F(Ingest, TheNewestOfADeviceIsStoredAndAllAreAcknowledged) {
  ASSERT_TRUE(Apply({Record("d1", 5), Record("d2", 6), Record("d1", 7), Record("d9", 8)}));
  EXPECT_EQ(outcomes_, (std::vector<Outcome>{Outcome::kStored, Outcome::kStored, Outcome::kStored,
                                             Outcome::kUnknownDevice}));
  EXPECT_EQ(Find("d1").heartbeat_time, 7);
  EXPECT_EQ(Find("d2").heartbeat_time, 6);
  EXPECT_FALSE(Find("d3").heartbeat_time.has_value());
}

TEST_F(Ingest, AHeartbeatThatWasStoredBeforeChangesNothing) {
  const auto numbered = [](int64_t sequence, const std::string& boot, EpochMs time) {
    HeartbeatRecord record = Record("d1", time);
    record.state.boot = boot;
    record.state.sequence = sequence;
    return record;
  };
  ASSERT_TRUE(Apply({numbered(2, "a", 20)}));
  ASSERT_TRUE(Apply({numbered(2, "a", 30)}));
  ASSERT_TRUE(Apply({numbered(1, "a", 40)}));
  EXPECT_EQ(Find("d1").heartbeat_time, 20);
  ASSERT_TRUE(Apply({numbered(3, "a", 50), numbered(1, "a", 60)}));  // the late one arrives last
  EXPECT_EQ(Find("d1").heartbeat_time, 50);
  ASSERT_TRUE(Apply({numbered(1, "b", 70)}));
  EXPECT_EQ(Find("d1").heartbeat_time, 70);
}

TEST_F(Ingest, ResultsOfReplacedHeartbeatsAreRecorded) {
  server_->AddCompletedPackage("job-1", "s3://b/p.tar.gz");
  for (const char* plan : {"one", "two"}) {
    server_->Must("CreateEdgeDeploymentPlan",
                  std::string(R"({"EdgeDeploymentPlanName":")") + plan +
                      R"(","ModelConfigs":[{"ModelHandle":")" + plan +
                      R"(","EdgePackagingJobName":"job-1"}],"DeviceFleetName":"lab","Stages":[{)"
                      R"("StageName":"s","DeviceSelectionConfig":{"DeviceSubsetType":"SELECTION",)"
                      R"("DeviceNames":["d1"]}}]})");
    server_->Must("StartEdgeDeploymentStage",
                  std::string(R"({"EdgeDeploymentPlanName":")") + plan + R"(","StageName":"s"})");
  }
  const auto asked =
      server_->Must("GetDeployments", R"({"DeviceName":"d1","DeviceFleetName":"lab"})");
  std::vector<HeartbeatRecord> records;
  for (const json::Value& deployment : *asked.Find("Deployments")->AsArray()) {
    records.push_back(Record("d1", 10 + static_cast<EpochMs>(records.size())));
    records.back().result =
        protocol::DeploymentResult{.deployment_name = deployment.StringOr("DeploymentName", ""),
                                   .deployment_status = std::string(protocol::kDeploymentSucceeded),
                                   .models = {{.model_handle = "one", .succeeded = true}}};
  }
  ASSERT_EQ(records.size(), 2u);
  records.push_back(Record("d1", 20));
  ASSERT_TRUE(Apply(records));
  for (const char* plan : {"one", "two"}) {
    const json::Value described =
        server_->Must("DescribeEdgeDeploymentPlan",
                      std::string(R"({"EdgeDeploymentPlanName":")") + plan + R"("})");
    EXPECT_EQ(described.IntOr("EdgeDeploymentSuccess", -1), 1) << plan;
  }
}

TEST_F(Ingest, AnswersAfterTheCommitAndSaysWhenToComeAgain) {
  std::promise<Result<int64_t>> answered;
  Heartbeats heartbeats(server_->store(), server_->clock(), 1);
  heartbeats.Submit(Record("d1", 5), 10'000,
                    [&](Result<int64_t> next) { answered.set_value(std::move(next)); });
  const Result<int64_t> next = answered.get_future().get();
  ASSERT_TRUE(next);
  EXPECT_GE(*next, 5'000);
  EXPECT_LT(*next, 15'000);
  EXPECT_EQ(Find("d1").heartbeat_time, 5);
}

// Holds the store's writer until it is let go.
class HeldWriter {
 public:
  explicit HeldWriter(store::Store& store) {
    store.WriteLater(
        [this](store::Transaction&) -> Status {
          held_.set_value();
          go_.get_future().wait();
          return {};
        },
        [this](const Status&) { ended_.set_value(); });
    held_.get_future().wait();
  }
  void LetGo() {
    go_.set_value();
    ended_.get_future().wait();
  }

 private:
  std::promise<void> held_, go_, ended_;
};

TEST_F(Ingest, AFullQueueRefusesAndForgetsNobody) {
  HeldWriter held(server_->store());
  std::atomic<int> stored{0};
  std::atomic<int> refused{0};
  {
    Heartbeats heartbeats(server_->store(), server_->clock(), 1, /*queued_max=*/4);
    const auto submit = [&](const std::string& device) {
      heartbeats.Submit(Record(device, 5), 0, [&](const Result<int64_t>& next) {
        if (next) ++stored;
        if (!next && next.error().code == Code::kResourceExhausted) ++refused;
      });
    };
    submit("d1");  // on its way into the store
    for (int i = 0; i < 6; ++i) submit("d2");
    EXPECT_EQ(refused, 2);
    EXPECT_EQ(heartbeats.counts().waiting, 4u);
    held.LetGo();
  }
  EXPECT_EQ(stored, 5);
}

TEST_F(Ingest, OneThatCannotBeStoredDoesNotTakeOthersWithIt) {
  // A stage device in a state that no version writes: its result cannot be applied.
  ASSERT_TRUE(server_->store().Write([](store::Transaction& transaction) -> Status {
    KEDGE_TRY_STATUS(store::InsertPlan(
        transaction, {.name = "p", .fleet = "lab", .model_configs = "[]", .chance = "c"}));
    store::Stage stage{
        .plan = "p", .name = "s", .selection = "{}", .policy = "{}", .status = "INPROGRESS"};
    KEDGE_TRY_STATUS(store::InsertStage(transaction, stage));
    stage.deployment_name = "p-1";
    KEDGE_TRY([[maybe_unused]] const bool started, store::StartStageRow(transaction, stage, 0));
    const store::StageDevice device{
        .plan = "p", .stage = "s", .fleet = "lab", .device = "d2", .status = "NONSENSE"};
    return store::InsertStageDevices(transaction, std::span(&device, 1));
  }));
  HeldWriter held(server_->store());
  std::map<std::string, bool> stored;
  {
    Heartbeats heartbeats(server_->store(), server_->clock(), 1);
    const auto submit = [&](HeartbeatRecord record) {
      const std::string device = record.state.key.device;
      heartbeats.Submit(std::move(record), 0, [&stored, device](const Result<int64_t>& next) {
        stored[device] = next.has_value();
      });
    };
    submit(Record("d9", 4));
    HeartbeatRecord poisonous = Record("d2", 6);
    poisonous.result =
        protocol::DeploymentResult{.deployment_name = "p-1", .models = {{.succeeded = true}}};
    submit(Record("d1", 5));
    submit(std::move(poisonous));
    submit(Record("d3", 7));
    held.LetGo();
  }
  EXPECT_EQ(stored, (std::map<std::string, bool>{
                        {"d1", true}, {"d2", false}, {"d3", true}, {"d9", false}}));
  EXPECT_EQ(Find("d3").heartbeat_time, 7);
  EXPECT_FALSE(Find("d2").heartbeat_time.has_value());
}

TEST_F(Ingest, CountersAreWhatARecountFinds) {
  std::mt19937 random(7);
  const auto draw = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  EpochMs now = 100 * store::kMinuteMs;
  for (int round = 0; round < 200; ++round) {
    now += draw(90'000);
    std::vector<HeartbeatRecord> records;
    for (int i = draw(4); i >= 0; --i) {
      HeartbeatRecord record = Record("d" + std::to_string(1 + draw(4)), now);
      record.state.agent_version = draw(2) == 0 ? "1.0" : "2.0";
      for (int m = draw(3); m > 0; --m) {
        record.state.models.push_back({.name = "model" + std::to_string(m),
                                       .version = std::to_string(draw(2)),
                                       .latest_sample = draw(2) * now,
                                       .latest_inference = now + draw(2) * 600'000});
      }
      records.push_back(std::move(record));
    }
    ASSERT_TRUE(Apply(records));
    if (draw(10) == 0) {
      const std::string device = "d" + std::to_string(1 + draw(3));
      const std::string body = R"({"DeviceFleetName":"lab","DeviceNames":[")" + device + "\"]}";
      server_->Must("DeregisterDevices", body);
      server_->Must("RegisterDevices",
                    R"({"DeviceFleetName":"lab","Devices":[{"DeviceName":")" + device + "\"}]}");
    }
  }
  const auto drifts = RepairCounts(server_->store());
  ASSERT_TRUE(drifts);
  EXPECT_TRUE(drifts->empty());
  EXPECT_EQ(Report(1).registered, 3);
}

TEST_F(Ingest, ARecountFindsAndRepairsDrift) {
  ASSERT_TRUE(Apply({Record("d1", 5 * store::kMinuteMs)}));
  ASSERT_TRUE(server_->store().Write([](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const int64_t rows,
              transaction.Execute("UPDATE fleet_counts SET n = n + 3 WHERE kind = $1",
                                  {std::string(store::counted::kHeartbeat)}));
    return {};
  }));
  EXPECT_EQ(Report(1).connected, 4);
  const auto drifts = RepairCounts(server_->store());
  ASSERT_TRUE(drifts);
  ASSERT_EQ(drifts->size(), 1u);
  EXPECT_EQ((*drifts)[0].counters, 1);
  EXPECT_EQ(Report(1).connected, 1);
  EXPECT_EQ(Report(6).connected, 0);
}

TEST_F(Ingest, RowsOfAFormerVersionAreBroughtIntoTodaysForm) {
  ASSERT_TRUE(server_->store().Write([](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const int64_t states,
              transaction.Execute(
                  "UPDATE device_state SET heartbeat_ms = $1, agent_version = '1.0', metrics = $2 "
                  "WHERE device = 'd1'",
                  {5 * store::kMinuteMs,
                   std::string(R"({"Models":[{"ModelName":"faces","ModelVersion":"2",)"
                               R"("LatestInference":240.5}]})")}));
    KEDGE_TRY([[maybe_unused]] const int64_t marks,
              transaction.Execute("INSERT INTO ingest_marks (name, set_ms) VALUES ($1, 0)",
                                  {std::string("recount")}));
    return {};
  }));
  ASSERT_TRUE(RepairCountsIfMarked(server_->store()));
  const store::Device device = Find("d1");
  ASSERT_EQ(device.models.size(), 1u);
  EXPECT_EQ(device.models[0], (store::LoadedModel{"faces", "2", 0, 240'500}));
  const store::FleetReport report = Report(4);
  EXPECT_EQ(report.connected, 1);
  ASSERT_EQ(report.models.size(), 1u);
  EXPECT_EQ(report.models[0].active, 1);
  EXPECT_EQ(report.models[0].sampling, 0);
}

TEST_F(Ingest, MetricsAreAddedUpByMinuteHourAndDay) {
  const EpochMs day = 20'000 * store::kDayMs;
  const auto report = [&](const std::string& device, EpochMs time, double value) {
    HeartbeatRecord record = Record(device, time);
    record.metrics = {{"", "CpuUse", value}, {"faces", "InferenceCount", 7}};
    ASSERT_TRUE(Apply({record}));
  };
  report("d1", day + 1'000, 10);
  report("d2", day + 59'000, 30);
  report("d1", day + 61'000, 5);
  report("d1", day + 3'600'000, 1);
  const auto points = [&](const std::string& resolution) {
    const json::Value answer = server_->Must(
        "GetMetrics", R"({"DeviceFleetName":"lab","MetricName":"CpuUse","Resolution":")" +
                          resolution + R"(","StartTime":)" + std::to_string(day / 1000) +
                          R"(,"EndTime":)" + std::to_string(day / 1000 + 86'400) + "}");
    std::string text;
    for (const json::Value& point : *answer.Find("Points")->AsArray()) {
      text += std::to_string(point.IntOr("Count", 0)) + ":" +
              std::to_string(static_cast<int>(point.Find("Sum")->NumberOr(0))) + ":" +
              std::to_string(static_cast<int>(point.Find("Minimum")->NumberOr(0))) + ":" +
              std::to_string(static_cast<int>(point.Find("Maximum")->NumberOr(0))) + " ";
    }
    return text;
  };
  EXPECT_EQ(points("MINUTE"), "2:40:10:30 1:5:5:5 1:1:1:1 ");
  EXPECT_EQ(points("HOUR"), "3:45:5:30 1:1:1:1 ");
  EXPECT_EQ(points("DAY"), "4:46:1:30 ");
  server_->clock().Set(day + store::kDayMs);
  const json::Value listed = server_->Must("ListMetrics", R"({"DeviceFleetName":"lab"})");
  EXPECT_EQ(json::Write(*listed.Find("Metrics")),
            R"([{"MetricName":"CpuUse"},{"MetricName":"InferenceCount","ModelName":"faces"}])");
}

TEST_F(Ingest, RetentionDeletesWhatIsTooOldAndNothingElse) {
  const EpochMs day = 20'000 * store::kDayMs;
  HeartbeatRecord record = Record("d1", day);
  record.metrics = {{"", "CpuUse", 1}};
  ASSERT_TRUE(Apply({record}));
  record.state.heartbeat_time = day + 5 * store::kDayMs;
  ASSERT_TRUE(Apply({record}));
  const FakeClock clock(day + 5 * store::kDayMs + 1);
  const store::Lease lease{.name = kRetentionLease, .holder = "n", .token = 1};
  ASSERT_TRUE(server_->store().Write([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const int64_t rows,
              transaction.Execute("INSERT INTO leases (name, holder, token, expires_ms) VALUES "
                                  "($1, 'n', 1, 0)",
                                  {std::string(kRetentionLease)}));
    return {};
  }));
  const auto first = RetentionStep(server_->store(), clock, lease);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(*first, LeasedStep::kMore);
  EXPECT_EQ(*RetentionStep(server_->store(), clock, lease), LeasedStep::kIdle);
  const auto count = [&](int64_t step_ms) {
    size_t points = 0;
    const auto status = server_->store().Read([&](store::Transaction& transaction) -> Status {
      KEDGE_TRY(const auto read, store::ReadMetrics(transaction, {"lab", "", "CpuUse"}, step_ms, 0,
                                                    day + 10 * store::kDayMs, 100));
      points = read.size();
      return {};
    });
    EXPECT_TRUE(status);
    return points;
  };
  EXPECT_EQ(count(store::kMetricSteps[0].ms), 1u);
  EXPECT_EQ(count(store::kMetricSteps[1].ms), 2u);
  EXPECT_EQ(count(store::kMetricSteps[2].ms), 2u);
  EXPECT_EQ(Report(1).connected, 1);
  const auto drifts = RepairCounts(server_->store());
  ASSERT_TRUE(drifts);
  EXPECT_TRUE(drifts->empty());
}

TEST(SeriesLimit, AddsUpNoMoreNamesThanItsMaximum) {
  SeriesLimit limit;
  size_t kept = 0;
  const auto report = [&](EpochMs time, const std::string& name) {
    HeartbeatRecord record{.state = {.key = {"lab", "d1"}, .heartbeat_time = time}};
    record.metrics = {{"", name, 1}};
    limit.Apply(record);
    kept += record.metrics.size();
  };
  for (size_t i = 0; i < kSeriesOfHourMax + 10; ++i) report(1, "Metric" + std::to_string(i));
  EXPECT_EQ(kept, kSeriesOfHourMax);
  report(2, "Metric0");  // known
  EXPECT_EQ(kept, kSeriesOfHourMax + 1);
  report(3'600'001, "Another");
  EXPECT_EQ(kept, kSeriesOfHourMax + 2);
}

TEST(NextContact, SpreadsAFleetOverItsPeriodAndKeepsPlaces) {
  constexpr int64_t kPeriod = 60'000;
  std::vector<int> devices(60, 0);
  for (int i = 0; i < 60'000; ++i) {
    const store::DeviceKey key{"lab", "device-" + std::to_string(i)};
    const int64_t first = NextContactMs(key, 1'000'000, kPeriod);
    ASSERT_GE(first, kPeriod / 2);
    ASSERT_LT(first, kPeriod + kPeriod / 2);
    const EpochMs there = 1'000'000 + first;
    ++devices[static_cast<size_t>(there % kPeriod / 1000)];
    EXPECT_EQ(NextContactMs(key, there, kPeriod), kPeriod);
    // A little late or early does not lose the place.
    EXPECT_EQ(NextContactMs(key, there + 700, kPeriod), kPeriod - 700);
  }
  // 1,000 a second are wanted; 5 standard deviations are 160.
  for (const int count : devices) EXPECT_NEAR(count, 1000, 160);
}

TEST(NextContact, HoldsThePeriodWithinItsBounds) {
  const store::DeviceKey key{"lab", "d1"};
  EXPECT_LT(NextContactMs(key, 0, 1), 2 * kPeriodMinMs);
  EXPECT_LT(NextContactMs(key, 0, 100 * kPeriodMaxMs), 2 * kPeriodMaxMs);
}

TEST(LoadStretch, GrowsWithTheQueueAndFallsWhenItIsShortForAWhile) {
  LoadStretch stretch;
  for (int i = 0; i < 10; ++i) stretch.AfterBatch(500, 1000);
  EXPECT_EQ(stretch.factor(), kStretchMax);
  for (int i = 0; i < LoadStretch::kCalmBatches - 1; ++i) stretch.AfterBatch(10, 1000);
  EXPECT_EQ(stretch.factor(), kStretchMax);
  stretch.AfterBatch(10, 1000);
  EXPECT_EQ(stretch.factor(), kStretchMax / 2);
  for (int i = 0; i < 10 * LoadStretch::kCalmBatches; ++i) stretch.AfterBatch(0, 1000);
  EXPECT_EQ(stretch.factor(), 1);
}

}  // namespace
}  // namespace kedge::server
