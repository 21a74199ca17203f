// SPDX-License-Identifier: Apache-2.0
#include "stats/model_monitor/distance.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>

namespace kedge::stats::model_monitor {
namespace {

constexpr double kExact = 1e-12;

std::vector<WeightedValue> SampleOf(const std::vector<double>& values) {
  KllSketch sketch;
  for (const double value : values) sketch.Add(value);
  return sketch.Sample();
}

struct NumericalCase {
  const char* name;
  std::vector<double> a;
  std::vector<double> b;
  double simple;
};

// By hand: the largest gap between the two step functions.
const NumericalCase kNumerical[] = {
    {"equal", {1, 2, 3}, {1, 2, 3}, 0},
    {"apart", {1, 2}, {3, 4}, 1},
    {"shifted", {1, 2, 3, 4}, {2, 3, 4, 5, 6}, 0.4},  // at 4: 4/4 - 3/5
    {"ties", {1, 1, 1, 2}, {1, 2, 2, 2}, 0.5},        // at 1: 3/4 - 1/4
    {"scaled", {0, 10}, {4, 5, 6}, 0.5},              // at 0: 1/2 - 0, at 6: 1/2 - 1
};

TEST(NumericalDistance, IsTheLargestGapOfTheDistributions) {
  for (const NumericalCase& one : kNumerical) {
    SCOPED_TRACE(one.name);
    const auto a = SampleOf(one.a);
    const auto b = SampleOf(one.b);
    EXPECT_NEAR(*NumericalDistance(a, b, ComparisonMethod::kSimple), one.simple, kExact);
    EXPECT_NEAR(*NumericalDistance(b, a, ComparisonMethod::kSimple), one.simple, kExact);
  }
}

TEST(NumericalDistance, RobustTakesOffWhatTheSizesExplain) {
  std::vector<double> a;
  std::vector<double> b;
  for (int i = 0; i < 100; ++i) a.push_back(i);
  for (int i = 0; i < 400; ++i) b.push_back(i / 4.0 + 50);
  // At 99: all of a and 197/400 of b. 1.8 * sqrt(500 / 40000) = 0.20124611797498107.
  EXPECT_NEAR(*NumericalDistance(SampleOf(a), SampleOf(b), ComparisonMethod::kSimple), 0.5075,
              kExact);
  EXPECT_NEAR(*NumericalDistance(SampleOf(a), SampleOf(b), ComparisonMethod::kRobust),
              0.5075 - 0.20124611797498107, kExact);
  EXPECT_EQ(*NumericalDistance(SampleOf({1, 2}), SampleOf({3}), ComparisonMethod::kRobust), 0);
}

TEST(NumericalDistance, OfNothingIsNothing) {
  EXPECT_FALSE(NumericalDistance({}, SampleOf({1}), ComparisonMethod::kSimple));
  EXPECT_FALSE(CategoricalDistance({}, {{"a", 1}}, ComparisonMethod::kSimple));
  EXPECT_FALSE(ChiSquaredOf({{"a", 1}}, {}));
  EXPECT_FALSE(ChiSquaredOf({{"new", 9}}, {{"a", 5}, {"b", 5}}));
}

TEST(CategoricalDistance, IsTheLargestDifferenceOfShares) {
  const CategoryCounts a = {{"red", 50}, {"green", 30}, {"blue", 20}};
  const CategoryCounts b = {{"red", 30}, {"green", 10}, {"violet", 10}};
  // red 0.5/0.6, green 0.3/0.2, blue 0.2/0, violet 0/0.2
  EXPECT_NEAR(*CategoricalDistance(a, b, ComparisonMethod::kSimple), 0.2, kExact);
  EXPECT_EQ(*CategoricalDistance(a, b, ComparisonMethod::kRobust),
            0);  // 1.8 * sqrt(150/5000) is more
}

struct ChiCase {
  const char* name;
  CategoryCounts current;
  CategoryCounts expected;
  double statistic;
  size_t categories;
};

const ChiCase kChi[] = {
    // 100/40 + 100/40 + 0, nothing joined.
    {"three", {{"a", 30}, {"b", 50}, {"c", 20}}, {{"a", 400}, {"b", 400}, {"c", 200}}, 5.0, 3},
    {"two", {{"a", 60}, {"b", 40}}, {{"a", 50}, {"b", 50}}, 4.0, 2},
    {"equal", {{"a", 6}, {"b", 14}}, {{"a", 10}, {"b", 10}}, 3.2, 2},
    // c and d are expected 4 and 2 times: 2 of 4 below 5, none allowed (20 % of 4 is 0), so d joins
    // c: 6 expected, 12 seen.
    {"joined",
     {{"a", 40}, {"b", 48}, {"c", 9}, {"d", 3}},
     {{"a", 47}, {"b", 47}, {"c", 4}, {"d", 2}},
     49.0 / 47 + 1.0 / 47 + 36.0 / 6,
     3},
    // One of five below 5 is allowed.
    {"few allowed",
     {{"a", 25}, {"b", 25}, {"c", 25}, {"d", 21}, {"e", 4}},
     {{"a", 24}, {"b", 24}, {"c", 24}, {"d", 24}, {"e", 4}},
     3.0 / 24 + 9.0 / 24,
     5},
    // What the baseline does not know is left out: 80 rows remain.
    {"unknown category", {{"a", 20}, {"b", 60}, {"z", 20}}, {{"a", 50}, {"b", 50}}, 20.0, 2},
};

TEST(ChiSquared, ComparesCountsAfterSmallCategoriesWereJoined) {
  for (const ChiCase& one : kChi) {
    SCOPED_TRACE(one.name);
    const auto test = ChiSquaredOf(one.current, one.expected);
    ASSERT_TRUE(test);
    EXPECT_EQ(test->categories, one.categories);
    EXPECT_NEAR(test->statistic, one.statistic, 1e-9);
    // With 1 and 2 degrees of freedom the tail has a closed form.
    if (one.categories == 2) {
      EXPECT_NEAR(test->p_value, std::erfc(std::sqrt(one.statistic / 2)), 1e-9);
    }
    if (one.categories == 3) {
      EXPECT_NEAR(test->p_value, std::exp(-one.statistic / 2), 1e-9);
    }
  }
}

TEST(ChiSquared, NeedsTwoCategories) {
  // Both are expected less than 10 times: they are joined to one.
  EXPECT_FALSE(ChiSquaredOf({{"a", 8}, {"b", 8}}, {{"a", 8}, {"b", 8}}));
}

TEST(KllSketch, IsExactUntilItIsFull) {
  KllSketch sketch;
  for (int i = 0; i < 2050; ++i) sketch.Add(i);
  EXPECT_EQ(sketch.levels().size(), 1u);
  sketch.Add(2050);
  EXPECT_EQ(sketch.levels().size(), 2u);
  EXPECT_EQ(sketch.rows(), 2051u);
}

TEST(KllSketch, RanksOfManyRowsAreCloseAndRowsExact) {
  std::mt19937_64 random(7);
  std::vector<double> values(200'000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i);
  std::shuffle(values.begin(), values.end(), random);
  KllSketch sketch;
  for (const double value : values) sketch.Add(value);
  EXPECT_EQ(sketch.rows(), values.size());
  uint64_t rank = 0;
  double worst = 0;
  for (const WeightedValue& item : sketch.Sample()) {
    rank += item.rows;
    worst = std::max(worst, std::abs(static_cast<double>(rank) - item.value) / 200'000);
  }
  EXPECT_LT(
      worst,
      0.02);  // upper compactors are small in this layout, so it is coarser than other KLL sketches
}

TEST(KllSketch, CountsAreExactInIt) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 200; ++round) {
    std::vector<WeightedValue> counts;
    for (int i = 0; i < 16; ++i) counts.push_back({static_cast<double>(i), 1 + random() % 100'000});
    const auto sketch = KllSketch::FromCounts(counts);
    ASSERT_TRUE(sketch);
    EXPECT_EQ(sketch->Sample(), counts);
    const auto again = KllSketch::FromLevels(sketch->parameters(), sketch->levels());
    ASSERT_TRUE(again);
    EXPECT_EQ(again->Sample(), counts);
  }
}

TEST(KllSketch, RefusesWhatIsNone) {
  EXPECT_EQ(KllSketch::FromLevels({.k = 0}, {}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(KllSketch::FromLevels({.c = 1.5}, {}).error().code, Code::kInvalidArgument);
  EXPECT_FALSE(KllSketch::FromLevels({}, std::vector<std::vector<double>>(49)));
  EXPECT_FALSE(KllSketch::FromLevels({}, {{std::nan("")}}));
  EXPECT_FALSE(KllSketch::FromLevels({}, {std::vector<double>(KllSketch::kItemsMax + 1)}));
}

}  // namespace
}  // namespace kedge::stats::model_monitor
