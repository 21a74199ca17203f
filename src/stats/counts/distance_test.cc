// SPDX-License-Identifier: Apache-2.0
#include "stats/counts/distance.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>

namespace kedge::stats {
namespace {

constexpr double kExact = 1e-12;  // a few roundings

TEST(Distance, HasTheValuesOfItsFormula) {
  const std::vector<uint64_t> reference = {10, 20, 70};
  const std::vector<uint64_t> current = {60, 20, 20};
  const std::vector<double> positions = {-1, 0, 2};
  const Comparison both{reference, current, positions};
  EXPECT_NEAR(DistanceOf(Distance::kKs, both), 0.5, kExact);
  EXPECT_NEAR(DistanceOf(Distance::kLInfinity, both), 0.5, kExact);
  EXPECT_NEAR(DistanceOf(Distance::kW1, both), 0.5 * 1 + 0.5 * 2, kExact);
  EXPECT_NEAR(DistanceOf(Distance::kHellinger, both),
              std::sqrt(1 - std::sqrt(0.06) - 0.2 - std::sqrt(0.14)), kExact);
  const double p0 = 10.5 / 101.5, q0 = 60.5 / 101.5, p2 = 70.5 / 101.5, q2 = 20.5 / 101.5;
  EXPECT_NEAR(DistanceOf(Distance::kPsi, both),
              (q0 - p0) * std::log(q0 / p0) + (q2 - p2) * std::log(q2 / p2), kExact);
  const auto part = [](double p, double q) { return p * std::log2(2 * p / (p + q)); };
  EXPECT_NEAR(DistanceOf(Distance::kJs, both),
              (part(0.1, 0.6) + part(0.6, 0.1) + part(0.7, 0.2) + part(0.2, 0.7)) / 2, kExact);
  EXPECT_NEAR(DistanceOf(Distance::kChiSquared, both), (50.0 * 50 / 70 + 50.0 * 50 / 90) / 2,
              kExact);
}

TEST(Distance, IsZeroForEqualSharesAndForNothing) {
  const std::vector<uint64_t> reference = {100, 200, 300}, tripled = {300, 600, 900},
                              nothing = {0, 0, 0};
  for (size_t i = 0; i < kDistances; ++i) {
    const auto distance = static_cast<Distance>(i);
    SCOPED_TRACE(DistanceName(distance));
    // PSI adds half a count to each bin, which weighs less in the larger sample.
    EXPECT_NEAR(DistanceOf(distance, {reference, tripled, {}}), 0,
                distance == Distance::kPsi ? 1e-5 : kExact);
    EXPECT_EQ(DistanceOf(distance, {reference, nothing, {}}), 0);
    EXPECT_EQ(DistanceOf(distance, {nothing, reference, {}}), 0);
  }
}

TEST(Distance, OfWhatHasNothingInCommonIsTheLargest) {
  const std::vector<uint64_t> reference = {5, 0}, current = {0, 9};
  const Comparison disjoint{reference, current, {}};
  for (const Distance distance :
       {Distance::kKs, Distance::kJs, Distance::kHellinger, Distance::kLInfinity})
    EXPECT_NEAR(DistanceOf(distance, disjoint), 1, kExact);
}

// Samples of `rows` values from the shares.
std::vector<uint64_t> Sample(const std::vector<double>& shares, size_t rows,
                             std::mt19937_64& random) {
  std::discrete_distribution<size_t> bin(shares.begin(), shares.end());
  std::vector<uint64_t> counts(shares.size());
  for (size_t i = 0; i < rows; ++i) ++counts[bin(random)];
  return counts;
}

// The true distance lies within the interval about as often as the interval says.
TEST(Distance, IntervalsHoldTheTrueDistance) {
  std::vector<double> p, q;
  const double moved = 0.3;  // deviations
  for (int i = 0; i < 16; ++i) {
    const auto phi = [](double z) { return std::erfc(-z / std::sqrt(2.0)) / 2; };
    const double low = i == 0 ? -9 : -2 + i * 0.25, high = i == 15 ? 9 : -2 + (i + 1) * 0.25;
    p.push_back(phi(high) - phi(low));
    q.push_back(phi(high - moved) - phi(low - moved));
  }
  const auto scaled = [](const std::vector<double>& shares) {
    std::vector<uint64_t> counts;
    for (const double share : shares) counts.push_back(static_cast<uint64_t>(share * 1e12));
    return counts;
  };
  const std::vector<uint64_t> p_all = scaled(p), q_all = scaled(q);
  std::vector<double> positions;
  for (int i = 0; i < 16; ++i) positions.push_back(-1.875 + i * 0.25);
  const Comparison truth{p_all, q_all, positions};
  std::mt19937_64 random(1);
  constexpr int kRuns = 200;
  std::array<int, kDistances> covered{};
  for (int run = 0; run < kRuns; ++run) {
    const auto reference = Sample(p, 5000, random), current = Sample(q, 1000, random);
    const auto estimates = Estimates({reference, current, positions},
                                     {.draws = 200, .seed = static_cast<uint64_t>(run)});
    for (size_t i = 0; i < kDistances; ++i) {
      const double value = DistanceOf(static_cast<Distance>(i), truth);
      covered[i] += estimates[i].low <= value && value <= estimates[i].high ? 1 : 0;
    }
  }
  for (size_t i = 0; i < kDistances; ++i) {
    const auto distance = static_cast<Distance>(i);
    if (distance == Distance::kChiSquared) continue;  // grows with the rows: has no such truth
    EXPECT_GE(covered[i], kRuns * 86 / 100) << DistanceName(distance);
  }
}

TEST(Distance, IntervalsReachZeroWithoutDrift) {
  std::mt19937_64 random(2);
  const std::vector<double> shares(16, 1.0 / 16);
  int zero = 0;
  for (int run = 0; run < 100; ++run) {
    const auto reference = Sample(shares, 2000, random), current = Sample(shares, 500, random);
    const auto estimates = Estimates({reference, current, {}}, {.draws = 100});
    zero += estimates[static_cast<size_t>(Distance::kKs)].low == 0 ? 1 : 0;
    EXPECT_GT(estimates[static_cast<size_t>(Distance::kKs)].value, 0);
  }
  EXPECT_GE(zero, 90);
}

TEST(Distance, OfAMovedMeanIsMeasuredInDeviations) {
  Cuts cuts;
  for (size_t i = 0; i < kCuts; ++i) cuts[i] = 10 + 2 * (static_cast<double>(i) - 7) / 4;
  const auto positions = BinPositions(cuts, 2, 18, 10, 2);
  EXPECT_NEAR(positions[7], -0.125, kExact);
  std::vector<uint64_t> reference(16), current(16);
  for (size_t i = 4; i < 12; ++i) reference[i] = 1000;
  for (size_t i = 6; i < 14; ++i) current[i] = 1000;
  const Estimate shift = MeanShift({reference, current, positions});
  EXPECT_NEAR(shift.value, 0.5, kExact);
  EXPECT_LT(shift.low, 0.5);
  EXPECT_GT(shift.low, 0.4);
  EXPECT_LT(shift.high, 0.6);
}

TEST(Distance, HasNamesThatReadBack) {
  for (size_t i = 0; i < kDistances; ++i) {
    const auto back = ParseDistance(DistanceName(static_cast<Distance>(i)));
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, static_cast<Distance>(i));
  }
  EXPECT_FALSE(ParseDistance("wasserstein-2"));
}

}  // namespace
}  // namespace kedge::stats
