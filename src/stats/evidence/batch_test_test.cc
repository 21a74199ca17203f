// SPDX-License-Identifier: Apache-2.0
#include "stats/evidence/batch_test.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <vector>

#include "stats/evidence/bet_table.h"

namespace kedge::stats {
namespace {

std::vector<uint64_t> Draw(std::mt19937_64& random, int n, double mean, double deviation) {
  static const std::vector<double> cuts = [] {
    std::vector<double> result;
    for (const double q : kBaselineQuantiles) result.push_back(NormalQuantile(q));
    return result;
  }();
  std::normal_distribution<double> normal(mean, deviation);
  std::vector<uint64_t> counts(16, 0);
  for (int i = 0; i < n; ++i) {
    const double x = normal(random);
    int bin = 0;
    for (const double cut : cuts) bin += x >= cut ? 1 : 0;
    ++counts[bin];
  }
  return counts;
}

TEST(ChiSquared, TailHasPublishedValues) {
  EXPECT_NEAR(ChiSquaredTail(3.841458820694124, 1), 0.05, 1e-10);
  EXPECT_NEAR(ChiSquaredTail(18.307038053275146, 10), 0.05, 1e-10);
  EXPECT_NEAR(ChiSquaredTail(9.34181776559197, 10), 0.5, 1e-10);
  EXPECT_EQ(ChiSquaredTail(0, 3), 1);
}

TEST(TestNumeric, HasItsErrorRateWithoutAChange) {
  std::mt19937_64 random(1);
  for (const int n : {20, 100, 1000}) {
    SCOPED_TRACE(n);
    int location = 0, scale = 0, bins = 0, distance = 0, combined = 0;
    constexpr int kRuns = 2000;
    for (int run = 0; run < kRuns; ++run) {
      const BatchPValues p = TestNumeric(Draw(random, 3000, 0, 1), Draw(random, n, 0, 1));
      location += p.location < 0.05 ? 1 : 0;
      scale += p.scale < 0.05 ? 1 : 0;
      bins += p.bins < 0.05 ? 1 : 0;
      distance += p.distance < 0.05 ? 1 : 0;
      const std::vector<double> all = {p.location, p.scale, p.bins, p.distance};
      combined += CombinePValues(all) < 0.05 ? 1 : 0;
    }
    // 0.05 plus three standard errors of 2,000 runs, and a percent for the approximations.
    for (const int alarms : {location, scale, bins, distance, combined})
      EXPECT_LE(alarms, kRuns * 0.075);
  }
}

TEST(TestNumeric, EachStatisticSeesItsKindOfChange) {
  std::mt19937_64 random(2);
  const auto reference = Draw(random, 3000, 0, 1);
  EXPECT_LT(TestNumeric(reference, Draw(random, 300, 0.4, 1)).location, 1e-4);
  EXPECT_LT(TestNumeric(reference, Draw(random, 300, 0.4, 1)).distance, 1e-3);
  EXPECT_LT(TestNumeric(reference, Draw(random, 300, 0, 1.5)).scale, 1e-4);
  EXPECT_LT(TestNumeric(reference, Draw(random, 300, 0, 0.1)).bins, 1e-6);
  const std::vector<uint64_t> none(16, 0);
  EXPECT_EQ(TestNumeric(reference, none).bins, 1);
}

TEST(TestCategories, SeesAClassVanish) {
  EXPECT_LT(TestCategories(std::vector<uint64_t>{300, 300, 300}, std::vector<uint64_t>{0, 30, 30}),
            1e-4);
  EXPECT_GT(TestCategories(std::vector<uint64_t>{300, 300, 300}, std::vector<uint64_t>{21, 19, 20}),
            0.5);
  EXPECT_EQ(TestCategories(std::vector<uint64_t>{1, 2}, std::vector<uint64_t>{0, 0}), 1);
}

TEST(CombinePValues, FollowsCauchysRule) {
  EXPECT_EQ(CombinePValues({}), 1);
  EXPECT_NEAR(CombinePValues(std::vector<double>{0.03}), 0.03, 1e-12);
  EXPECT_NEAR(CombinePValues(std::vector<double>{0.03, 0.03, 0.03}), 0.03, 1e-12);
  EXPECT_NEAR(CombinePValues(std::vector<double>{1e-20, 0.5}), 2e-20, 1e-24);
  EXPECT_NEAR(CombinePValues(std::vector<double>{1e-20, 0.5}, std::vector<double>{0.9, 0.1}),
              1e-20 / 0.9, 1e-24);
  EXPECT_LT(CombinePValues(std::vector<double>{1e-6, 1}), 1e-5);  // a 1 does not veto
}

}  // namespace
}  // namespace kedge::stats
