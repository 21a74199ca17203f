// SPDX-License-Identifier: Apache-2.0
#include "server/drift/quality_estimate.h"

#include <gtest/gtest.h>
#include <random>

#include "stats/baseline/testing/sample_baseline.h"
#include "stats/evidence/bet_table.h"

namespace kedge::server {
namespace {

constexpr int kRows = 200'000;

// A classifier whose largest probability p is uniform in [0.5, 1) and right with probability p, so
// that 75 % are right; cut points at its quantiles.
stats::Baseline CalibratedBaseline() {
  stats::Baseline baseline = stats::testing::GaussianBaseline(1, 100'000);
  stats::FeatureBaseline& feature = baseline.features[0];
  feature.use.statistic = stats::Statistic::kMaxProbability;
  for (size_t i = 0; i < stats::kCuts; ++i) {
    feature.cuts[i] = 0.5 + 0.5 * stats::kBaselineQuantiles[i];
  }
  baseline.quality.emplace();
  for (size_t i = stats::kCalibrationBins / 2; i < stats::kCalibrationBins; ++i) {
    const double middle = (static_cast<double>(i) + 0.5) / stats::kCalibrationBins;
    baseline.quality->calibration_rows[i] = 10'000;
    baseline.quality->calibration_right[i] = static_cast<uint64_t>(10'000 * middle);
  }
  return baseline;
}

// Counts of scores that `draw` gives.
template <class Draw>
SubjectCounts CountsOf(const stats::Baseline& baseline, const Draw& draw) {
  SubjectCounts counts;
  counts.counts = stats::MergedCounts(baseline.shapes());
  counts.moments.resize(1);
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> uniform;
  for (int i = 0; i < kRows; ++i) {
    ++counts.counts.bins(0)[stats::BinOf(baseline.features[0].cuts, draw(uniform(random)))];
  }
  counts.counts.samples = kRows;
  return counts;
}

TEST(QualityEstimate, FollowsTheScoresUnderCovariateShift) {
  const stats::Baseline baseline = CalibratedBaseline();
  const auto same =
      EstimateQuality(baseline, CountsOf(baseline, [](double u) { return 0.5 + 0.5 * u; }));
  ASSERT_TRUE(same);
  EXPECT_NEAR(same->value, 0.75, 0.02);
  EXPECT_NEAR(same->reference, 0.75, 0.001);
  EXPECT_FALSE(same->assumption_broken);
  // Scores crowd at the low end: u squared has the mean 1/3, so 2/3 are right.
  const auto harder =
      EstimateQuality(baseline, CountsOf(baseline, [](double u) { return 0.5 + 0.5 * u * u; }));
  EXPECT_NEAR(harder->value, 2.0 / 3, 0.02);
  EXPECT_LE(harder->lower, harder->value);
  EXPECT_GE(harder->upper, harder->value);
}

TEST(QualityEstimate, SaysWhenNoReferenceRowBacksTheScores) {
  stats::Baseline baseline = CalibratedBaseline();
  baseline.features[0].cuts[0] = 0.2;  // room below what was ever seen
  const auto estimate =
      EstimateQuality(baseline, CountsOf(baseline, [](double u) { return 0.1 * u; }));
  ASSERT_TRUE(estimate);
  EXPECT_TRUE(estimate->assumption_broken);
}

TEST(QualityEstimate, IsNotMadeWithoutLabelsOrScores) {
  stats::Baseline baseline = CalibratedBaseline();
  const SubjectCounts counts = CountsOf(baseline, [](double u) { return 0.5 + 0.5 * u; });
  EXPECT_FALSE(EstimateQuality(baseline, SubjectCounts()));
  baseline.features[0].use.statistic = stats::Statistic::kColumn;
  EXPECT_FALSE(EstimateQuality(baseline, counts));
  baseline = CalibratedBaseline();
  baseline.quality.reset();
  EXPECT_FALSE(EstimateQuality(baseline, counts));
}

TEST(QualityEstimate, LabelsCorrectItAndTellThatScoresDeceive) {
  const stats::Baseline baseline = CalibratedBaseline();
  const SubjectCounts counts = CountsOf(baseline, [](double u) { return 0.5 + 0.5 * u; });
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> uniform;
  const auto labels = [&](double lost, int n) {
    std::vector<LabelledOutcome> outcomes;
    for (int i = 0; i < n; ++i) {
      const double score = 0.5 + 0.5 * uniform(random);
      outcomes.push_back({score, uniform(random) < score - lost});
    }
    return outcomes;
  };
  QualityEstimate honest = *EstimateQuality(baseline, counts);
  CorrectByLabels(baseline, labels(0, 1'000), honest);
  EXPECT_NEAR(honest.value, 0.75, 0.05);
  EXPECT_FALSE(honest.assumption_broken);
  EXPECT_EQ(honest.method, "LABELS");

  QualityEstimate deceived = *EstimateQuality(baseline, counts);
  CorrectByLabels(baseline, labels(0.3, 1'000), deceived);
  EXPECT_NEAR(deceived.value, 0.45, 0.05);
  EXPECT_TRUE(deceived.assumption_broken);

  QualityEstimate few = *EstimateQuality(baseline, counts);
  CorrectByLabels(baseline, labels(0.3, static_cast<int>(kLabelsMin) - 1), few);
  EXPECT_EQ(few.method, "CBPE");
}

}  // namespace
}  // namespace kedge::server
