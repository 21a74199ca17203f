// SPDX-License-Identifier: Apache-2.0
#include "stats/evidence/null_band.h"

#include <cmath>
#include <gtest/gtest.h>
#include <vector>

namespace kedge::stats {
namespace {

std::vector<double> GaussianEdges(int bins, double mean, double deviation) {
  std::vector<double> edges(bins + 1);
  for (int i = 1; i < bins; ++i) {
    const double cut = NormalQuantile(static_cast<double>(i) / bins);
    edges[i] = NormalCdf((cut - mean) / deviation);
  }
  edges[bins] = 1;
  return edges;
}

TEST(Normal, QuantileInvertsTheDistributionFunction) {
  EXPECT_NEAR(NormalQuantile(0.975), 1.959963984540054, 1e-12);  // published value
  for (const double p : {1e-9, 1e-3, 0.2, 0.5, 0.8, 0.999, 1 - 1e-9}) {
    SCOPED_TRACE(p);
    EXPECT_NEAR(NormalCdf(NormalQuantile(p)) / p, 1, 1e-9);
  }
}

TEST(NullBand, HoldsWhatIsWithinTheToleranceAndNothingFarOutside) {
  const NullBand band = MakeNullBand(GaussianEdges(16, 0, 1), 1e9, 0.05);
  struct Case {
    const char* name;
    double mean;
    bool inside;
  };
  for (const Case& c : {Case{"same", 0, true}, Case{"just inside", 0.0499, true},
                        Case{"below", -0.0499, true}, Case{"outside", 0.051, false}}) {
    SCOPED_TRACE(c.name);
    const auto edges = GaussianEdges(16, c.mean, 1);
    bool inside = true;
    for (int i = 0; i <= 16; ++i) {
      inside = inside && edges[i] >= band.lower[i] - 1e-12 && edges[i] <= band.upper[i] + 1e-12;
    }
    EXPECT_EQ(inside, c.inside);
  }
}

TEST(NullBand, IsWiderForASmallReference) {
  const auto edges = GaussianEdges(16, 0, 1);
  const NullBand large = MakeNullBand(edges, 1e6, 0.02);
  const NullBand small = MakeNullBand(edges, 500, 0.02);
  for (int i = 1; i < 16; ++i) {
    EXPECT_LT(small.lower[i], large.lower[i]);
    EXPECT_GT(small.upper[i], large.upper[i]);
  }
}

TEST(NearestNull, IsTheAlternativeItselfInsideTheBand) {
  const NullBand band = MakeNullBand(GaussianEdges(16, 0, 1), 1e6, 0.1);
  const auto inside = GaussianEdges(16, 0.05, 1);
  const Edges nearest = NearestNull(band, inside);
  for (int i = 0; i <= 16; ++i) EXPECT_NEAR(nearest[i], inside[i], 1e-12);
}

// The optimality of the taut string: its bets hold against the worst of the band exactly, so
// nothing is given away.
TEST(NearestNull, GivesBetsWhoseLargestExpectationIsOne) {
  struct Case {
    const char* name;
    double mean, deviation;
  };
  for (const double tolerance : {0.0, 0.02, 0.3}) {
    const NullBand band = MakeNullBand(GaussianEdges(16, 0, 1), 5000, tolerance);
    for (const Case& c : {Case{"up", 1, 1}, Case{"down", -0.4, 1}, Case{"wide", 0, 2},
                          Case{"narrow", 0, 0.5}, Case{"up and wide", 0.7, 1.6}}) {
      SCOPED_TRACE(c.name);
      const auto alternative = GaussianEdges(16, c.mean, c.deviation);
      const Edges nearest = NearestNull(band, alternative);
      std::vector<double> factors(16);
      for (int b = 0; b < 16; ++b) {
        ASSERT_GE(nearest[b + 1], nearest[b]);
        ASSERT_LE(nearest[b + 1], band.upper[b + 1] + 1e-12);
        ASSERT_GE(nearest[b + 1], band.lower[b + 1] - 1e-12);
        factors[b] = (alternative[b + 1] - alternative[b]) / (nearest[b + 1] - nearest[b]);
      }
      EXPECT_NEAR(LargestExpectation(band, factors), 1, 1e-9);
    }
  }
}

TEST(LargestExpectation, IsTheWorstCornerOfASmallBand) {
  NullBand band{.bins = 3};
  band.lower = {0, 0.2, 0.5, 1};
  band.upper = {0, 0.4, 0.7, 1};
  // G = (0.4, 0.5): 0.4 in bin 0 at factor 3, 0.1 at 0, 0.5 at 2.
  EXPECT_NEAR(LargestExpectation(band, std::vector<double>{3, 0, 2}), 2.2, 1e-12);
  EXPECT_NEAR(LargestExpectation(band, std::vector<double>{1, 1, 1}), 1, 1e-12);
}

}  // namespace
}  // namespace kedge::stats
