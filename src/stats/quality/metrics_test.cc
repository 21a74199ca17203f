// SPDX-License-Identifier: Apache-2.0
#include "stats/quality/metrics.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

namespace kedge::stats {
namespace {

ConfusionMatrix ThreeClasses() {
  ConfusionMatrix matrix(3);
  const uint64_t counts[3][3] = {{50, 3, 0}, {5, 30, 2}, {0, 2, 8}};  // [predicted][true]
  for (int p = 0; p < 3; ++p) {
    for (int t = 0; t < 3; ++t) matrix.Add(p, t, counts[p][t]);
  }
  return matrix;
}

TEST(ConfusionMatrix, GivesTheUsualRatios) {
  const ConfusionMatrix m = ThreeClasses();
  EXPECT_EQ(m.Rows(), 100u);
  EXPECT_DOUBLE_EQ(m.Accuracy(), 0.88);
  EXPECT_DOUBLE_EQ(m.Precision(1), 30.0 / 37);
  EXPECT_DOUBLE_EQ(m.Recall(1), 30.0 / 35);
  EXPECT_DOUBLE_EQ(m.FBeta(1, 1), 60.0 / (2 * 30 + 7 + 5));
  EXPECT_NEAR(m.FBeta(1, 2), 5 * 30.0 / (5 * 30 + 4 * 5 + 7), 1e-12);
  EXPECT_DOUBLE_EQ(m.FalsePositiveRate(1), 7.0 / 65);
  EXPECT_NEAR(m.WeightedRecall(), 0.88, 1e-12);
  EXPECT_NEAR(m.WeightedPrecision(), 0.55 * 50 / 53 + 0.35 * 30 / 37 + 0.1 * 8 / 10, 1e-12);
  EXPECT_GT(m.WeightedFBeta(1), 0.85);
}

TEST(ConfusionMatrix, IsZeroWhereNothingIsCounted) {
  const ConfusionMatrix m(2);
  for (const double value : {m.Accuracy(), m.Precision(0), m.Recall(1), m.FBeta(0, 1),
                             m.FalsePositiveRate(0), m.WeightedPrecision(), m.WeightedFBeta(1)}) {
    EXPECT_EQ(value, 0);
  }
}

TEST(ConfusionMatrix, MergesByAdding) {
  ConfusionMatrix m = ThreeClasses();
  m.Merge(ThreeClasses());
  EXPECT_EQ(m.Rows(), 200u);
  EXPECT_DOUBLE_EQ(m.Accuracy(), 0.88);
  EXPECT_EQ(m.counts().size(), 9u);
}

TEST(AreaUnderRoc, CountsPairsAndHalvesTies) {
  EXPECT_DOUBLE_EQ(*AreaUnderRoc(std::vector<uint64_t>{2, 0}, std::vector<uint64_t>{0, 3}), 1);
  EXPECT_DOUBLE_EQ(*AreaUnderRoc(std::vector<uint64_t>{5}, std::vector<uint64_t>{7}), 0.5);
  // Scores 0.1- 0.4- 0.35+ 0.8+: three of four pairs are in order.
  const std::vector<double> scores = {0.1, 0.4, 0.35, 0.8};
  const std::vector<uint8_t> positive = {0, 0, 1, 1};
  EXPECT_DOUBLE_EQ(*AreaUnderRocOfScores(scores, positive), 0.75);
}

TEST(AreaUnderRoc, NamesWhatItCannotDo) {
  EXPECT_EQ(AreaUnderRoc(std::vector<uint64_t>{1}, std::vector<uint64_t>{1, 2}).error().code,
            Code::kInvalidArgument);
  EXPECT_EQ(AreaUnderRoc(std::vector<uint64_t>{1}, std::vector<uint64_t>{0}).error().code,
            Code::kFailedPrecondition);
  EXPECT_EQ(AreaUnderRocOfScores(std::vector<double>{1}, std::vector<uint8_t>{}).error().code,
            Code::kInvalidArgument);
  const std::vector<double> nan = {std::nan(""), 1};
  EXPECT_EQ(AreaUnderRocOfScores(nan, std::vector<uint8_t>{0, 1}).error().code,
            Code::kInvalidArgument);
}

TEST(RegressionQuality, GivesErrorsAndMergesExactly) {
  const double predicted[] = {2.5, 0.0, 2, 8};
  const double truth[] = {3, -0.5, 2, 7};
  RegressionQuality all, first, second;
  for (int i = 0; i < 4; ++i) {
    all.Add(predicted[i], truth[i]);
    (i < 1 ? first : second).Add(predicted[i], truth[i]);
  }
  first.Merge(second);
  first.Merge(RegressionQuality());
  for (const RegressionQuality& q : {all, first}) {
    EXPECT_EQ(q.rows(), 4u);
    EXPECT_NEAR(q.MeanAbsoluteError(), 0.5, 1e-12);
    EXPECT_NEAR(q.MeanSquaredError(), 0.375, 1e-12);
    EXPECT_NEAR(q.RootMeanSquaredError(), std::sqrt(0.375), 1e-12);
    EXPECT_NEAR(q.RSquared(), 0.9486081370449679, 1e-12);  // scikit-learn's documented example
  }
}

TEST(RegressionQuality, SkipsWhatIsNotFinite) {
  RegressionQuality q;
  q.Add(std::nan(""), 1);
  q.Add(1, std::numeric_limits<double>::infinity());
  EXPECT_EQ(q.skipped(), 2u);
  EXPECT_EQ(q.rows(), 0u);
  EXPECT_EQ(q.MeanSquaredError(), 0);
  EXPECT_EQ(q.RSquared(), 0);
  RegressionQuality other;
  other.Add(1, 2);
  q.Merge(other);
  EXPECT_EQ(q.rows(), 1u);
}

}  // namespace
}  // namespace kedge::stats
