// SPDX-License-Identifier: Apache-2.0
#include "stats/monitor.h"

#include <cmath>
#include <cstdlib>
#include <gtest/gtest.h>
#include <new>
#include <random>

#include "stats/baseline/testing/sample_baseline.h"

namespace {
// Allocations of this program so far.
size_t allocations = 0;
}  // namespace

[[gnu::noinline]] void* operator new(size_t bytes) {
  ++allocations;
  if (void* memory = std::malloc(bytes)) return memory;
  std::abort();
}
// Not inlined: the compiler would take free() of what new gave for a mistake.
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace kedge::stats {
namespace {

constexpr BaselineId kId = {1, 2, 3};
constexpr int64_t kStartMs = 1'790'000'000'000;

ModelMonitor MonitorOf(const Baseline& baseline) {
  auto monitor = ModelMonitor::Make(baseline, kId, {}, kStartMs);
  EXPECT_TRUE(monitor) << monitor.error().message;
  return std::move(*monitor);
}

// Observes `samples` rows, one a second, of columns that `value(column)` gives.
template <class F>
void Feed(ModelMonitor& monitor, size_t samples, const F& value) {
  Tensor row(DType::kF32, {1, static_cast<int64_t>(monitor.features())});
  const TensorView view = TensorView::Of(row);
  for (size_t i = 0; i < samples; ++i) {
    for (size_t c = 0; c < monitor.features(); ++c)
      row.As<float>()[c] = static_cast<float>(value(c));
    monitor.Observe({&view, 1}, {}, kStartMs + static_cast<int64_t>(i) * 1000);
  }
}

TEST(ModelMonitor, CountsWhatItSees) {
  ModelMonitor monitor = MonitorOf(testing::GaussianBaseline(2, 100'000));
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  Feed(monitor, 1000, [&](size_t) { return normal(random); });
  EXPECT_EQ(monitor.waiting_samples(), 1000u);
  const ModelReport report =
      monitor.TakeReport(kStartMs / 1000 + 60, {.model_name = "m", .model_version = "1"});
  EXPECT_EQ(report.baseline, kId);
  EXPECT_EQ(report.window_begin_s, kStartMs / 1000);
  EXPECT_EQ(report.window_s, 60u);
  EXPECT_FALSE(report.alarm);
  EXPECT_TRUE(report.moments.empty());
  EXPECT_EQ(report.counts.samples, 1000u);
  EXPECT_EQ(report.counts.values(0), 1000u);
  EXPECT_NEAR(report.counts.bins(0)[7], 80, 45);  // five standard errors
  EXPECT_TRUE(EncodeReport({.boot = 1, .sequence = 1, .models = {report}}));
  EXPECT_EQ(monitor.waiting_samples(), 0u);
}

TEST(ModelMonitor, AllocatesNothingInObserve) {
  Baseline baseline = testing::GaussianBaseline(16, 1000);
  ModelMonitor monitor = MonitorOf(baseline);
  Feed(monitor, 1, [](size_t) { return 0.0; });
  Tensor row(DType::kF32, {1, 16});
  const TensorView view = TensorView::Of(row);
  const size_t before = allocations;
  for (int i = 0; i < 100; ++i) monitor.Observe({&view, 1}, {}, kStartMs);
  EXPECT_EQ(allocations, before);
}

TEST(ModelMonitor, Of128FeaturesNeedsLessThan64KiB) {
  for (const uint32_t stride : {1u, 10u}) {
    Baseline baseline = testing::GaussianBaseline(128, 100'000);
    for (FeatureBaseline& feature : baseline.features) feature.stride = stride;
    EXPECT_LE(MonitorOf(baseline).MemoryBytes(), size_t{64} << 10) << "stride " << stride;
  }
}

TEST(ModelMonitor, StaysQuietWithoutDrift) {
  ModelMonitor monitor = MonitorOf(testing::GaussianBaseline(4, 100'000));
  std::mt19937_64 random(2);
  std::normal_distribution<double> normal;
  Feed(monitor, 50'000, [&](size_t) { return normal(random); });
  EXPECT_LT(monitor.Level(), kWatchLevel);
}

TEST(ModelMonitor, AlarmsWhenOneFeatureShiftsAndNamesIt) {
  ModelMonitor monitor = MonitorOf(testing::GaussianBaseline(4, 100'000));
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  Feed(monitor, 2000, [&](size_t c) { return normal(random) + (c == 2 ? 0.5 : 0); });
  EXPECT_TRUE(monitor.alarm());
  EXPECT_GT(monitor.Evidence(2).level, 1);
  EXPECT_LT(monitor.Evidence(1).level, kWatchLevel);
  EXPECT_TRUE(monitor.TakeReport(kStartMs / 1000, {"m", "1"}).alarm);
  monitor.RestartEvidence();
  EXPECT_EQ(monitor.Level(), 0);
}

TEST(ModelMonitor, ChecksWhatIsNoOrdinaryNumber) {
  Baseline baseline = testing::GaussianBaseline(1, 1000);
  baseline.features[0].frozen_max = 3;
  ModelMonitor monitor = MonitorOf(baseline);
  const std::vector<double> values = {NAN, INFINITY, -INFINITY, 99, -99, 1, 1, 1, 1, 1, 0};
  size_t next = 0;
  Feed(monitor, values.size(), [&](size_t) { return values[next++]; });
  const ModelReport report = monitor.TakeReport(kStartMs / 1000, {"m", "1", true});
  const auto check = [&](Check what) { return report.counts.check(0, what); };
  EXPECT_EQ(check(Check::kNan), 1u);
  EXPECT_EQ(check(Check::kPositiveInfinity), 1u);
  EXPECT_EQ(check(Check::kNegativeInfinity), 1u);
  EXPECT_EQ(check(Check::kAbove), 1u);
  EXPECT_EQ(check(Check::kBelow), 1u);
  EXPECT_EQ(check(Check::kFrozen), 2u);  // the fourth and fifth 1
  EXPECT_EQ(report.counts.values(0), values.size() - 1);
  EXPECT_EQ(report.moments[0].values, values.size() - 3);
}

TEST(ModelMonitor, TellsNovelInferences) {
  ModelMonitor monitor = MonitorOf(testing::GaussianBaseline(1, 1000));
  const std::vector<std::pair<double, bool>> cases = {{0, false},   {3.0, false}, {3.2, true},
                                                      {-3.2, true}, {NAN, true},  {INFINITY, true}};
  for (const auto& [value, novel] : cases) {
    Feed(monitor, 1, [&, v = value](size_t) { return v; });
    EXPECT_EQ(monitor.last_was_novel(), novel) << value;
  }
}

TEST(ModelMonitor, StepsEveryStrideThValueAndCountsThem) {
  Baseline baseline = testing::GaussianBaseline(1, 1000);
  baseline.features[0].stride = 10;
  ModelMonitor monitor = MonitorOf(baseline);
  size_t i = 0;
  Feed(monitor, 100, [&](size_t) { return ++i % 10 == 0 ? 5.0 : 0.0; });
  const ModelReport report = monitor.TakeReport(kStartMs / 1000, {"m", "1"});
  EXPECT_EQ(report.counts.strided(0)[15], 10u);
  EXPECT_EQ(report.counts.bins(0)[8], 90u);
}

// With every 100th sample of a stream whose neighbours are nearly equal, nothing is alarming in it.
TEST(ModelMonitor, DoesNotTakeSlowMovementForDrift) {
  Baseline baseline = testing::GaussianBaseline(1, 100'000);
  baseline.features[0].stride = 230;  // acf 0.1 at rho 0.99
  ModelMonitor monitor = MonitorOf(baseline);
  std::mt19937_64 random(4);
  std::normal_distribution<double> normal;
  double x = 0;
  Feed(monitor, 100'000, [&](size_t) {
    x = 0.99 * x + std::sqrt(1 - 0.99 * 0.99) * normal(random);
    return x;
  });
  EXPECT_LT(monitor.Level(), 1);
}

TEST(ModelMonitor, TakesTheSeasonOff) {
  Baseline baseline = testing::GaussianBaseline(1, 100'000);
  baseline.features[0].season.emplace();
  baseline.features[0].season->explained = 0.9;
  for (size_t h = 0; h < kHours; ++h) baseline.features[0].season->mean[h] = static_cast<double>(h);
  ModelMonitor monitor = MonitorOf(baseline);
  Tensor row(DType::kF32, {1, 1});
  const TensorView view = TensorView::Of(row);
  for (size_t h = 0; h < kHours; ++h) {
    row.As<float>()[0] = static_cast<float>(h) + 0.1F;  // 0.1 above its hour's mean
    monitor.Observe({&view, 1}, {}, static_cast<int64_t>(h) * 3'600'000 + 1'800'000);
  }
  EXPECT_EQ(monitor.TakeReport(kStartMs / 1000, {"m", "1"}).counts.bins(0)[8], kHours);
}

TEST(ModelMonitor, CountsCategoriesOthersAndUnseen) {
  Baseline baseline = testing::GaussianBaseline(1, 1000);
  baseline.features[0] = {.name = "colour",
                          .categorical = true,
                          .categories = {"3", "red"},
                          .known_others = {"7", "blue"},
                          .counts = {700, 290, 10, 0}};
  const FeatureBaseline& feature = baseline.features[0];
  ModelMonitor monitor = MonitorOf(baseline);
  for (const char* text : {"3", "3", "red", "7", "blue", "green", "4", "3.5"}) {
    const std::optional<double> value = CategoryNumber(feature, text);
    monitor.ObserveRow({&value, 1}, kStartMs);
  }
  const std::optional<double> null;
  monitor.ObserveRow({&null, 1}, kStartMs);
  const ModelReport report = monitor.TakeReport(kStartMs / 1000, {"m", "1"});
  const auto bins = report.counts.bins(0);
  EXPECT_EQ(std::vector<uint32_t>(bins.begin(), bins.end()), (std::vector<uint32_t>{2, 1, 2, 3}));
  EXPECT_EQ(report.counts.check(0, Check::kNull), 1u);
  EXPECT_EQ(report.counts.samples, 9u);
}

TEST(ModelMonitor, AlarmsOnClassesThatNobodySawBefore) {
  Baseline baseline = testing::GaussianBaseline(1, 1000);
  baseline.features[0] = {
      .name = "class", .categorical = true, .categories = {"0", "1"}, .counts = {6000, 4000, 0, 0}};
  ModelMonitor monitor = MonitorOf(baseline);
  std::mt19937_64 random(5);
  Feed(monitor, 2000, [&](size_t) { return random() % 10 < 6 ? 0 : 1; });
  EXPECT_LT(monitor.Level(), kWatchLevel);
  Feed(monitor, 500, [&](size_t) { return random() % 10 < 6 ? 0 : 9; });
  EXPECT_TRUE(monitor.alarm());
}

TEST(ModelMonitor, CountsInferencesOfOtherTypesAsMismatched) {
  ModelMonitor monitor = MonitorOf(testing::GaussianBaseline(2, 1000));
  const Tensor row(DType::kF64, {1, 2});
  const TensorView view = TensorView::Of(row);
  monitor.Observe({&view, 1}, {}, kStartMs);
  monitor.Observe({}, {}, kStartMs);
  const ModelReport report = monitor.TakeReport(kStartMs / 1000, {"m", "1"});
  EXPECT_EQ(report.counts.mismatched, 2u);
  EXPECT_EQ(report.counts.samples, 0u);
}

// What moments cover is not lost when a report has none.
TEST(ModelMonitor, CarriesMomentsSinceTheyWereLastReported) {
  ModelMonitor monitor = MonitorOf(testing::GaussianBaseline(1, 1000));
  Feed(monitor, 10, [](size_t) { return 2.0; });
  EXPECT_TRUE(monitor.TakeReport(kStartMs / 1000, {"m", "1"}).moments.empty());
  Feed(monitor, 5, [](size_t) { return 2.0; });
  const ModelReport report = monitor.TakeReport(kStartMs / 1000, {"m", "1", true});
  EXPECT_EQ(report.moments[0].values, 15u);
  EXPECT_EQ(report.moments[0].Mean(), 2);
  EXPECT_EQ(report.counts.samples, 5u);
  EXPECT_EQ(monitor.TakeReport(kStartMs / 1000, {"m", "1", true}).moments[0].values, 0u);
}

TEST(ModelMonitor, SurvivesAClockThatJumpsBack) {
  ModelMonitor monitor = MonitorOf(testing::GaussianBaseline(1, 1000));
  Tensor row(DType::kF32, {1, 1});
  const TensorView view = TensorView::Of(row);
  monitor.Observe({&view, 1}, {}, -5'000'000);
  const ModelReport report = monitor.TakeReport(-7, {"m", "1"});
  EXPECT_EQ(report.window_s, 0u);
  EXPECT_TRUE(std::isfinite(monitor.Level()));
  EXPECT_TRUE(
      EncodeReport({.boot = 1, .sequence = 1, .models = {monitor.TakeReport(5, {"m", "1"})}}));
}

TEST(ModelMonitor, RefusesABaselineThatContradictsItself) {
  Baseline baseline = testing::GaussianBaseline(1, 1000);
  baseline.features[0].use.argument = 1;
  const auto monitor = ModelMonitor::Make(baseline, kId, {}, kStartMs);
  ASSERT_FALSE(monitor);
  EXPECT_EQ(monitor.error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace kedge::stats
