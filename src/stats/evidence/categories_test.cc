// SPDX-License-Identifier: Apache-2.0
#include "stats/evidence/categories.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <numeric>
#include <random>
#include <vector>

namespace kedge::stats {
namespace {

// The largest sum of q * factors over a box of distributions: start at the lower ends, give what is
// left to the largest factors first.
double LargestOfBox(const NullBox& box, const std::vector<double>& factors) {
  std::vector<int> order(box.classes);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int a, int b) { return factors[a] > factors[b]; });
  double left = 1;
  double sum = 0;
  for (int c = 0; c < box.classes; ++c) {
    left -= box.lower[c];
    sum += box.lower[c] * factors[c];
  }
  for (const int c : order) {
    const double more = std::min(left, box.upper[c] - box.lower[c]);
    left -= more;
    sum += more * factors[c];
  }
  return sum;
}

TEST(CategoryTables, NoBetGainsUnderAnyDistributionOfTheBox) {
  struct Case {
    const char* name;
    std::vector<uint64_t> counts;
    double tolerance;
  };
  for (const Case& c : {
           Case{"ten classes", std::vector<uint64_t>(10, 1000), 0.05},
           Case{"two classes", {9990, 10}, 0.05},
           Case{"a class never seen", {500, 300, 0}, 0.05},
           Case{"64 classes", std::vector<uint64_t>(64, 40), 0.02},
       }) {
    SCOPED_TRACE(c.name);
    const BetTableOptions options{.tolerance = c.tolerance};
    const auto tables = BuildCategoryTables(c.counts, options);
    const auto box = MakeNullBox(c.counts, options);
    ASSERT_TRUE(tables.has_value() && box.has_value());
    for (const BetTable* table : {&tables->rises, &tables->falls}) {
      for (int k = 0; k < kBets; ++k) {
        std::vector<double> factors;
        for (size_t b = 0; b < c.counts.size(); ++b) factors.push_back(table->factors[b][k]);
        EXPECT_LE(LargestOfBox(*box, factors), 1) << "bet " << k;
      }
    }
  }
}

TEST(CategoryTables, RefuseWhatIsNoReference) {
  EXPECT_EQ(BuildCategoryTables(std::vector<uint64_t>{7}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(MakeNullBox(std::vector<uint64_t>{0, 0}).error().code, Code::kInvalidArgument);
}

TEST(CategoryDetector, SeesAClassVanishAndAClassTakeOver) {
  const std::vector<uint64_t> reference(10, 10000);
  const auto tables = BuildCategoryTables(reference);
  ASSERT_TRUE(tables.has_value());
  struct Case {
    const char* name;
    std::vector<double> shares;
    int most;
  };
  for (const Case& c : {Case{"class 0 vanishes", {0, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 500},
                        Case{"class 9 doubles", {1, 1, 1, 1, 1, 1, 1, 1, 1, 2}, 1500},
                        Case{"only class 4", {0, 0, 0, 0, 1, 0, 0, 0, 0, 0}, 40}}) {
    SCOPED_TRACE(c.name);
    std::mt19937_64 random(11);
    std::uniform_int_distribution<int> uniform(0, 9);
    std::discrete_distribution<int> changed(c.shares.begin(), c.shares.end());
    CategoryDetector detector;
    for (int i = 0; i < 3000; ++i) detector.Step(*tables, uniform(random));
    EXPECT_LT(detector.Evidence(), 1e5);
    int steps = 0;
    while (detector.Evidence() < 2.592e6 && steps < 5000) {
      detector.Step(*tables, changed(random));
      ++steps;
    }
    EXPECT_LE(steps, c.most);
  }
}

TEST(DirichletEValue, IsLargeForAChangeAndSmallWithoutOne) {
  const std::vector<uint64_t> reference(10, 10000);
  const auto box = MakeNullBox(reference);
  ASSERT_TRUE(box.has_value());
  EXPECT_EQ(LogDirichletEValue(*box, reference, std::vector<uint64_t>(10, 0)), 0);
  EXPECT_LT(LogDirichletEValue(*box, reference, std::vector<uint64_t>(10, 100)), 0);
  std::vector<uint64_t> swapped(10, 100);
  swapped[0] = 0;
  swapped[7] = 200;
  EXPECT_GT(LogDirichletEValue(*box, reference, swapped), std::log(1e6));
}

// E[e] <= 1 under the reference itself and at the box's edge; over 4,000 windows the mean may
// exceed by its error.
TEST(DirichletEValue, HasExpectationAtMostOneUnderTheNull) {
  const std::vector<uint64_t> reference = {4000, 3000, 2000, 1000};
  const auto box = MakeNullBox(reference, {.tolerance = 0.05});
  ASSERT_TRUE(box.has_value());
  std::mt19937_64 random(5);
  for (const bool at_edge : {false, true}) {
    SCOPED_TRACE(at_edge);
    std::vector<double> shares = {0.4, 0.3, 0.2, 0.1};
    if (at_edge) shares = {box->upper[0], 0.3 - (box->upper[0] - 0.4), 0.2, 0.1};
    std::discrete_distribution<int> draw(shares.begin(), shares.end());
    double sum = 0;
    for (int run = 0; run < 4000; ++run) {
      std::vector<uint64_t> counts(4, 0);
      for (int i = 0; i < 50; ++i) ++counts[draw(random)];
      sum += std::exp(LogDirichletEValue(*box, reference, counts));
    }
    EXPECT_LE(sum / 4000, 1);
  }
}

}  // namespace
}  // namespace kedge::stats
