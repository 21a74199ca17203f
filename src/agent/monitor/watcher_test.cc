// The watcher with real models in real workers, baselines of the sample's kind, and a real disk.
// SPDX-License-Identifier: Apache-2.0
#include "agent/monitor/watcher.h"

#include <gtest/gtest.h>
#include <random>

#include "agent/testing/test_package.h"
#include "base/testing/fake_clock.h"
#include "base/testing/faulty_file_system.h"
#include "stats/baseline/testing/sample_baseline.h"

namespace kedge::agent {
namespace {

constexpr std::chrono::seconds kLongRun{1};  // earns a look whatever it costs
constexpr uint64_t kManyBytes = 1 << 30;

class WatcherTest : public ::testing::Test {
 protected:
  WatcherTest()
      : key_(package::testing::MakeTestKey()),
        folder_(*TemporaryDirectory::Make()),
        registry_(testing::TestRegistryOptions(key_.roots, clock_)) {
    captures_.emplace(disk_, clock_,
                      CaptureOptions{.disk_path = folder_.path() / "captures",
                                     .folder_prefix = "",
                                     .fleet = "fleet",
                                     .device = "device",
                                     .buffer_size = 1000,
                                     .batch_size = 1});
    budget_.emplace(disk_, Path(), CaptureAmount{.records = 1000, .bytes = kManyBytes});
  }

  // A model of so many columns, all of them watched if there is a baseline.
  std::shared_ptr<ServedModel> Start(const std::string& name, size_t columns, bool baseline) {
    const Path file = folder_.path() / (name + ".tar.gz");
    stats::Baseline gaussian = stats::testing::GaussianBaseline(columns, 1'000'000);
    gaussian.tensors[0].shape = Shape{static_cast<int64_t>(columns)};
    const Status written =
        testing::WriteTestPackage(key_,
                                  {.model = {.elements = static_cast<int64_t>(columns)},
                                   .name = name,
                                   .baseline = baseline ? stats::WriteBaseline(gaussian) : ""},
                                  file);
    EXPECT_TRUE(written) << written.error().message;
    auto source = OpenModelSource(file, key_.roots);
    EXPECT_TRUE(source) << source.error().message;
    auto model = registry_.StartDetached(name, file.string(), std::move(*source),
                                         [this](const std::string& why) { condemned_ = why; });
    EXPECT_TRUE(model) << model.error().message;
    return *model;
  }

  std::unique_ptr<Watcher> Watch(WatchOptions options = {.cpu_fraction = 1},
                                 const CapturePolicy& policy = {}) {
    return std::make_unique<Watcher>(
        Watcher::Parts{clock_, *captures_, *budget_, disk_, folder_.path() / "report"}, options,
        policy);
  }

  // Offers `count` inferences of normal columns moved by `shift`, and waits until they are seen.
  void Offer(Watcher& watcher, const std::shared_ptr<ServedModel>& model, int count,
             double shift = 0) {
    std::normal_distribution<float> normal(static_cast<float>(shift));
    const size_t columns = model->inputs()[0].bytes / sizeof(float);
    std::vector<float> x(columns), y(columns);
    const Bytes inputs[] = {Bytes(reinterpret_cast<const uint8_t*>(x.data()), 4 * columns)};
    const std::span<uint8_t> outputs[] = {{reinterpret_cast<uint8_t*>(y.data()), 4 * columns}};
    for (int i = 0; i < count; ++i) {
      for (float& value : x) value = normal(random_);
      watcher.Offer(model, inputs, outputs, kLongRun);
      clock_.Advance(std::chrono::seconds(1));
      watcher.Drain();
    }
  }

  static stats::StatisticsReport Decode(const std::string& text) {
    auto report = stats::DecodeReportText(text);
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : stats::StatisticsReport{};
  }

  // The "eventMetadata" of every captured line.
  std::vector<json::Value> Captured() {
    captures_->Flush();
    std::vector<json::Value> all;
    const Path folder = folder_.path() / "captures";
    if (!std::filesystem::exists(folder)) return all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (entry.path().extension() != ".jsonl") continue;
      const ByteBuffer text = *disk_.Read(entry.path(), 1 << 20);
      all.push_back(*json::Parse(AsText(text))->Find("eventMetadata"));
    }
    return all;
  }

  FakeClock clock_;
  package::testing::TestKey key_;
  TemporaryDirectory folder_;
  FaultyFileSystem disk_;
  Registry registry_;
  std::optional<CaptureQueue> captures_;
  std::optional<DayBudget> budget_;
  std::string condemned_;
  std::mt19937_64 random_{1};
};

TEST_F(WatcherTest, ReportsWhatItSawAndSendsItUnchangedUntilItIsAcknowledged) {
  const auto model = Start("net", 4, true);
  const auto watcher = Watch();
  Offer(*watcher, model, kReportSamplesMin - 1);
  EXPECT_EQ(watcher->Statistics(), "") << "too few to tell";
  Offer(*watcher, model, 181);
  const std::string text = watcher->Statistics();
  const stats::StatisticsReport report = Decode(text);
  ASSERT_EQ(report.models.size(), 1u);
  EXPECT_EQ(report.models[0].model_name, "net");
  EXPECT_EQ(report.models[0].counts.samples, 200u);
  EXPECT_EQ(report.models[0].counts.values(3), 200u);
  Offer(*watcher, model, 30);
  EXPECT_EQ(watcher->Statistics(), text);
  watcher->Acknowledge();
  const stats::StatisticsReport next = Decode(watcher->Statistics());
  EXPECT_EQ(next.boot, report.boot);
  EXPECT_EQ(next.sequence, report.sequence + 1);
  EXPECT_EQ(next.models[0].counts.samples, 30u);
  EXPECT_EQ(watcher->CountersOf(model).looked_at, 230u);
}

TEST_F(WatcherTest, AReportSurvivesAKillAndIsNotMadeTwice) {
  const auto model = Start("net", 4, true);
  std::string text;
  {
    const auto watcher = Watch();
    Offer(*watcher, model, 100);
    text = watcher->Statistics();
    ASSERT_NE(text, "");
  }
  {
    const auto watcher = Watch();
    Offer(*watcher, model, 50);
    EXPECT_EQ(watcher->Statistics(), text) << "with its own boot and sequence";
    watcher->Acknowledge();
    const stats::StatisticsReport next = Decode(watcher->Statistics());
    EXPECT_NE(next.boot, Decode(text).boot);
    EXPECT_EQ(next.models[0].counts.samples, 50u);
    watcher->Acknowledge();
    Offer(*watcher, model, 40);
    watcher->KeepReport();  // a clean stop
  }
  const auto watcher = Watch();
  EXPECT_EQ(Decode(watcher->Statistics()).models[0].counts.samples, 40u);
  watcher->Acknowledge();
  EXPECT_EQ(watcher->Statistics(), "");
  EXPECT_EQ(Watch()->Statistics(), "");
}

TEST_F(WatcherTest, ADiskThatFailsOrADamagedFileCostsNoReportButThat) {
  const auto model = Start("net", 4, true);
  ASSERT_TRUE(disk_.WriteAtomically(folder_.path() / "report", AsBytes("nonsense"), 0600));
  const auto watcher = Watch();
  EXPECT_EQ(watcher->Statistics(), "");
  EXPECT_FALSE(disk_.Exists(folder_.path() / "report"));
  Offer(*watcher, model, 50);
  disk_.FailFrom(disk_.calls());
  const std::string text = watcher->Statistics();
  EXPECT_EQ(Decode(text).models[0].counts.samples, 50u);
  EXPECT_EQ(watcher->Statistics(), text);
  watcher->Acknowledge();
  disk_.Heal();
  EXPECT_EQ(watcher->Statistics(), "");
}

TEST_F(WatcherTest, ModelsShareTheRoomOfAHeartbeat) {
  std::vector<std::shared_ptr<ServedModel>> models;
  const auto watcher = Watch();
  for (const char* name : {"one", "two", "three"}) models.push_back(Start(name, 200, true));
  for (const auto& model : models) Offer(*watcher, model, 60);
  std::map<std::string, uint64_t> samples;
  int heartbeats = 0;
  for (; heartbeats < 10; ++heartbeats) {
    const std::string text = watcher->Statistics();
    if (text.empty()) break;
    EXPECT_LE(text.size(), protocol::kStatisticsBytesMax);
    for (const auto& report : Decode(text).models)
      samples[report.model_name] += report.counts.samples;
    watcher->Acknowledge();
  }
  EXPECT_GT(heartbeats, 1);
  EXPECT_EQ(samples, (std::map<std::string, uint64_t>{{"one", 60}, {"three", 60}, {"two", 60}}));
}

TEST_F(WatcherTest, TwoHandlesOfOneModelAndAModelThatWentAreReportedToo) {
  const auto watcher = Watch();
  {
    const auto first = Start("net", 4, true), second = Start("net", 4, true);
    Offer(*watcher, first, 25);
    Offer(*watcher, second, 35);
  }
  uint64_t samples = 0;
  for (const auto& report : Decode(watcher->Statistics()).models) samples += report.counts.samples;
  EXPECT_EQ(samples, 60u);
}

TEST_F(WatcherTest, ACallerNeverWaitsForLooks) {
  const auto model = Start("net", 4, true);
  const auto watcher = Watch();
  std::vector<float> x(4);
  const Bytes inputs[] = {Bytes(reinterpret_cast<const uint8_t*>(x.data()), 16)};
  constexpr int kOffers = 20'000;
  for (int i = 0; i < kOffers; ++i) watcher->Offer(model, inputs, {}, kLongRun);
  watcher->Drain();
  const WatchCounters counters = watcher->CountersOf(model);
  EXPECT_EQ(counters.looked_at + counters.missed, static_cast<uint64_t>(kOffers));
  EXPECT_GT(counters.looked_at, 0u);
}

TEST_F(WatcherTest, TheRuleOfDriftStopsAModelOrFallsBack) {
  struct Case {
    const char* name;
    DriftRule rule;
    bool stops;
    bool condemns;
  };
  const Case cases[] = {{"nothing", DriftRule::kNothing, false, false},
                        {"stop", DriftRule::kStop, true, false},
                        {"fall_back", DriftRule::kFallBack, true, true}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    condemned_.clear();
    const auto model = Start("net", 4, true);
    const auto watcher = Watch({.cpu_fraction = 1, .rule = c.rule});
    Offer(*watcher, model, 100);
    EXPECT_TRUE(watcher->Check(model));
    EXPECT_LT(watcher->CountersOf(model).drift_level, 1);
    Offer(*watcher, model, 300, 3);
    EXPECT_GE(watcher->CountersOf(model).drift_level, 1);
    const Status checked = watcher->Check(model);
    EXPECT_EQ(checked.has_value(), !c.stops);
    if (c.stops) {
      EXPECT_EQ(checked.error().code, Code::kFailedPrecondition);
      EXPECT_NE(checked.error().message.find(std::string("kedge_drift_rule '") + c.name + "'"),
                std::string::npos)
          << checked.error().message;
    }
    EXPECT_EQ(!condemned_.empty(), c.condemns);
    EXPECT_EQ(model->condemned(), c.condemns);
  }
}

TEST_F(WatcherTest, CapturesByTheFloorWithoutAnyBaseline) {
  const auto model = Start("plain", 4, false);
  const auto watcher = Watch({.cpu_fraction = 0}, {.floor = 0.5});
  Offer(*watcher, model, 200);
  const auto captured = Captured();
  EXPECT_NEAR(static_cast<double>(captured.size()), 100, 36);  // five deviations
  for (const json::Value& metadata : captured) {
    EXPECT_EQ(metadata.StringOr("captureReason", ""), "floor");
    EXPECT_EQ(metadata.Find("inclusionProbability")->NumberOr(0), 0.5);
  }
  EXPECT_EQ(watcher->CountersOf(model).captured, captured.size());
  EXPECT_EQ(watcher->Statistics(), "");
}

TEST_F(WatcherTest, CapturesOnDriftAndWithinTheDay) {
  const auto model = Start("net", 4, true);
  budget_.emplace(disk_, Path(), CaptureAmount{.records = 5, .bytes = kManyBytes});
  const auto watcher = Watch({.cpu_fraction = 1}, {.drift = 1});
  Offer(*watcher, model, 100);
  EXPECT_TRUE(Captured().empty());
  Offer(*watcher, model, 300, 3);
  EXPECT_EQ(Captured().size(), 5u);
  for (const json::Value& metadata : Captured())
    EXPECT_EQ(metadata.StringOr("captureReason", ""), "drift");
  EXPECT_GT(watcher->CountersOf(model).over_budget, 100u);
}

TEST_F(WatcherTest, CapturesForTheServersDriftUntilItsTimeIsOver) {
  const auto model = Start("net", 4, true);
  const auto watcher = Watch({.cpu_fraction = 1}, {.drift = 1});
  const EpochMs until = clock_.NowMs() + 10'000;
  watcher->SetServerPolicies({{.model_name = "other", .model_version = "1.0", .until = until},
                              {.model_name = "net", .model_version = "2.0", .until = until}});
  Offer(*watcher, model, 5);
  EXPECT_TRUE(Captured().empty());
  watcher->SetServerPolicies({{.model_name = "net", .model_version = "1.0", .until = until}});
  Offer(*watcher, model, 20);
  EXPECT_EQ(Captured().size(), 5u);
}

TEST_F(WatcherTest, ABaselineThatDoesNotFitIsNotUsed) {
  const Path file = folder_.path() / "odd.tar.gz";
  ASSERT_TRUE(testing::WriteTestPackage(key_, {.name = "odd"}, file));
  auto source = *OpenModelSource(file, key_.roots);
  source.baseline = "{}";
  const auto model = *registry_.StartDetached("odd", file.string(), std::move(source), nullptr);
  const auto watcher = Watch();
  Offer(*watcher, model, 50);
  EXPECT_EQ(watcher->Statistics(), "");
  EXPECT_FALSE(watcher->CountersOf(model).watched);
}

}  // namespace
}  // namespace kedge::agent
