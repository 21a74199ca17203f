// SPDX-License-Identifier: Apache-2.0
#include "stats/quality/audit.h"

#include <gtest/gtest.h>
#include <random>

namespace kedge::stats {
namespace {

// Bins that are right with 0.6, 0.8 and 0.975 of 10,000, 14,000 and 16,000 rows.
QualityReference Reference() {
  return {.classes = 2,
          .score_bins = 3,
          .confusion = {21600, 4800, 2400, 11200},
          .score_by_class = {4000, 8000, 12000, 6000, 6000, 4000},
          .score_correct = {6000, 11200, 15600}};
}

constexpr double kPromised[] = {0.6, 0.8, 0.975};

double EvidenceAfter(int labels, double shift) {
  std::mt19937_64 random(17);
  std::uniform_real_distribution<double> uniform;
  CalibrationAudit audit(Reference());
  for (int i = 0; i < labels; ++i) {
    const int bin = i % 3;
    audit.Step(bin, uniform(random) < kPromised[bin] + shift);
  }
  return audit.Evidence();
}

TEST(CalibrationAudit, StaysQuietWhileScoresMeanWhatTheyMeant) {
  EXPECT_LT(EvidenceAfter(20000, 0), 1000);
  EXPECT_LT(EvidenceAfter(20000, -0.015), 1000);  // within the tolerance
}

TEST(CalibrationAudit, SeesScoresThatPromiseTooMuch) {
  EXPECT_GT(EvidenceAfter(300, -0.3), 10000);
  EXPECT_GT(EvidenceAfter(3000, -0.1), 10000);
}

TEST(CalibrationAudit, KnowsTheDirection) {
  CalibrationAudit audit(Reference());
  for (int i = 0; i < 50; ++i) audit.Step(1, false);
  EXPECT_TRUE(audit.worse());
  audit.Restart();
  EXPECT_EQ(audit.Evidence(), 0);
  for (int i = 0; i < 200; ++i) audit.Step(0, true);
  EXPECT_FALSE(audit.worse());
  EXPECT_GT(audit.Evidence(), 10000);
}

TEST(CalibrationAudit, SurvivesBinsThatWereAlwaysOrNeverRight) {
  QualityReference reference = Reference();
  reference.score_correct = {0, 14000, 16000};
  CalibrationAudit audit(reference);
  for (int i = 0; i < 1000; ++i) {
    audit.Step(0, false);
    audit.Step(1, true);
  }
  EXPECT_LT(audit.Evidence(), 1000);
  for (int i = 0; i < 1000; ++i) audit.Step(1, false);
  EXPECT_GT(audit.Evidence(), 10000);
}

TEST(RiskDetector, AlarmsForHarmOnly) {
  std::mt19937_64 random(23);
  std::uniform_real_distribution<double> uniform;
  struct Case {
    const char* name;
    double risk;
    bool harm;
  };
  for (const Case& c :
       {Case{"as accepted", 0.1, false}, Case{"better", 0.02, false}, Case{"worse", 0.2, true}}) {
    SCOPED_TRACE(c.name);
    RiskDetector detector(0.1);
    double largest = 0;
    for (int i = 0; i < 1000; ++i) {
      detector.Step(uniform(random) < c.risk ? 1 : 0);
      largest = std::max(largest, detector.Evidence());
    }
    EXPECT_EQ(largest > 10000, c.harm);
  }
  RiskDetector bounded(0.5);
  for (int i = 0; i < 100000; ++i) bounded.Step(7);  // clamped to 1
  EXPECT_TRUE(std::isfinite(bounded.Evidence()));
  bounded.Restart();
  EXPECT_EQ(bounded.Evidence(), 0);
}

TEST(CorrectByLabels, MovesTheEstimateToWhatLabelsShow) {
  const QualityReference reference = Reference();
  const std::vector<uint64_t> live = {10000, 14000, 16000};
  const QualityEstimate before = EstimateByConfidence(reference, live);
  EXPECT_NEAR(before.value, 0.82, 1e-9);
  // 400 labels: bins 0.2 less often right than promised.
  const std::vector<uint64_t> rows = {100, 140, 160};
  const std::vector<uint64_t> correct = {40, 84, 124};
  const QualityEstimate after = CorrectByLabels(reference, live, {rows, correct});
  EXPECT_NEAR(after.value, 0.62, 1e-9);
  EXPECT_LT(after.lower, 0.62);
  EXPECT_GT(after.upper, 0.62);
  EXPECT_LT(after.upper - after.lower, 0.12);
  // Too few labels change nothing.
  const std::vector<uint64_t> few = {3, 3, 3};
  EXPECT_EQ(CorrectByLabels(reference, live, {few, few}).value, before.value);
}

// The interval holds the truth in 95 % of windows, whether or not scores still mean what they
// meant.
TEST(CorrectByLabels, CoversTheTruth) {
  const QualityReference reference = Reference();
  std::mt19937_64 random(31);
  std::uniform_real_distribution<double> uniform;
  for (const double shift : {0.0, -0.25}) {
    SCOPED_TRACE(shift);
    int covered = 0;
    constexpr int kWindows = 1000;
    for (int w = 0; w < kWindows; ++w) {
      std::vector<uint64_t> live(3, 0), rows(3, 0), correct(3, 0);
      double right = 0;
      for (int i = 0; i < 2000; ++i) {
        const int bin = static_cast<int>(random() % 3);
        const bool ok = uniform(random) < kPromised[bin] + shift;
        ++live[bin];
        right += ok ? 1 : 0;
        if (i % 10 == 0) {
          ++rows[bin];
          correct[bin] += ok ? 1 : 0;
        }
      }
      const QualityEstimate estimate = CorrectByLabels(reference, live, {rows, correct});
      covered += estimate.lower <= right / 2000 && right / 2000 <= estimate.upper ? 1 : 0;
    }
    EXPECT_GE(covered, 930);  // 0.95, less three standard errors
  }
}

}  // namespace
}  // namespace kedge::stats
