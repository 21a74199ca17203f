// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <limits>
#include <random>

#include "stats/counts/hyperloglog.h"
#include "stats/counts/quantile_sketch.h"

namespace kedge::stats {
namespace {

TEST(HyperLogLog, EstimatesWithinFiveStandardErrors) {
  for (const int distinct : {0, 1, 10, 500, 3000, 20'000, 300'000}) {
    HyperLogLog sketch;
    for (int copy = 0; copy < 2; ++copy) {
      for (int i = 0; i < distinct; ++i) sketch.Add(HashOf("id-" + std::to_string(i)));
    }
    EXPECT_NEAR(sketch.Estimate(), distinct, 0.16 * distinct + 1e-9) << distinct;
  }
}

TEST(HyperLogLog, OfAUnionIsTheSameInAnyOrder) {
  HyperLogLog left, right, both;
  for (int i = 0; i < 5000; ++i) {
    const uint64_t hash = HashOf(std::to_string(i));
    both.Add(hash);
    if (i < 3000) left.Add(hash);
    if (i >= 2000) right.Add(hash);
  }
  HyperLogLog a = left, b = right;
  a.Merge(right);
  b.Merge(left);
  EXPECT_EQ(a, both);
  EXPECT_EQ(b, both);
  a.Merge(right);
  EXPECT_EQ(a, both);
}

TEST(QuantileSketch, IsExactWhileItHoldsEverything) {
  QuantileSketch sketch;
  EXPECT_EQ(sketch.Quantile(0.5), 0);
  EXPECT_EQ(sketch.Rank(0), 0);
  for (int i = 1000; i >= 1; --i) sketch.Add(i);
  EXPECT_EQ(sketch.rows(), 1000u);
  EXPECT_EQ(sketch.Quantile(0), 1);
  EXPECT_EQ(sketch.Quantile(0.5), 500);
  EXPECT_EQ(sketch.Quantile(1), 1000);
  EXPECT_EQ(sketch.Rank(250), 0.25);
}

TEST(QuantileSketch, OfManyRowsKeepsItsError) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> uniform;
  QuantileSketch whole, part;
  for (int i = 0; i < 300'000; ++i) whole.Add(uniform(random));
  for (int i = 0; i < 100'000; ++i) part.Add(uniform(random));
  EXPECT_EQ(whole.rows(), 300'000u);
  whole.Merge(part);
  EXPECT_EQ(whole.rows(), 400'000u);
  size_t items = 0;
  for (const auto& level : whole.levels()) items += level.size();
  EXPECT_LT(items, 9000u);
  // The bound of the sketch and five standard errors of the sample itself.
  for (double rank = 0.01; rank < 1; rank += 0.01) {
    EXPECT_NEAR(whole.Rank(rank), rank, 0.0014 + 0.004);
    EXPECT_NEAR(whole.Quantile(rank), rank, 0.0014 + 0.004);
  }
}

TEST(QuantileSketch, ReadsLevelsOfOthersAndRefusesBrokenOnes) {
  const auto sketch = QuantileSketch::FromLevels(2048, 0.64, {{5}, {1, 3}, {9}});
  ASSERT_TRUE(sketch);
  EXPECT_EQ(sketch->rows(), 9u);
  EXPECT_EQ(sketch->Rank(3), 4.0 / 9);
  EXPECT_FALSE(QuantileSketch::FromLevels(4, 0.64, {}));
  EXPECT_FALSE(QuantileSketch::FromLevels(2048, 0.4, {}));
  EXPECT_FALSE(QuantileSketch::FromLevels(2048, 0.64, std::vector<std::vector<double>>(49)));
  EXPECT_FALSE(QuantileSketch::FromLevels(2048, 0.64, {{std::numeric_limits<double>::infinity()}}));
}

}  // namespace
}  // namespace kedge::stats
