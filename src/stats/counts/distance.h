// How far counts are from reference counts in the same bins, with confidence intervals.
//
// p are the reference's shares, q the current ones, P and Q their cumulated sums:
//
//   KS          max |P - Q| at the cuts
//   PSI         sum (q - p) ln(q / p)                          half a count is added to each bin
//   JS          base-2 Jensen-Shannon divergence, 0 to 1       (not its root)
//   W1          integral of |P - Q| over the value, in deviations of the baseline
//   Hellinger   sqrt(1 - sum sqrt(p q)), 0 to 1
//   L-infinity  max |p - q|
//   chi-squared the two-sample statistic divided by its degrees of freedom: 1 expected
//
// An estimate from counts is too large by its own noise: with no drift every distance comes out
// above 0. Intervals take that into account: both samples are drawn anew from what was counted, and
//   * for PSI, JS, W1, Hellinger and chi-squared d* - d says how far an estimate is off, and is
//   taken
//     off it (the basic bootstrap; Davison and Hinkley, "Bootstrap Methods", 5.2);
//   * for KS and L-infinity, which are maxima and as such no smooth functions of the counts, the
//     largest deviation of a drawn difference from the counted one bounds both sides: d -+ c with
//     |d(truth) - d| <= max |noise| <= c as often as the confidence says.
// So an interval without drift reaches 0.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "stats/counts/counts.h"

namespace kedge::stats {

enum class Distance : uint8_t { kKs, kPsi, kJs, kW1, kHellinger, kLInfinity, kChiSquared };
inline constexpr size_t kDistances = 7;
// "ks", "psi", "js", "w1", "hellinger", "linf", "chi2"; kInvalidArgument for another word.
std::string_view DistanceName(Distance distance);
Result<Distance> ParseDistance(std::string_view name);

// What is compared: counts in equally many bins.
struct Comparison {
  std::span<const uint64_t> reference;
  std::span<const uint64_t> current;
  // Numeric features, for W1: the value at bin centres in deviations, one a bin; empty: W1 is 0.
  std::span<const double> positions;
};

// 0 if either side is empty. Bins are 1 to 64 and equally many.
double DistanceOf(Distance distance, const Comparison& comparison);

struct Estimate {
  double value = 0;
  double low = 0;  // of the interval, >= 0
  double high = 0;
};

struct IntervalOptions {
  double confidence = 0.95;
  uint32_t draws = 400;  // 40 to 10,000
  uint64_t seed = 1;     // equal seeds, equal intervals
};

// All seven, in the order of the enumeration.
std::array<Estimate, kDistances> Estimates(const Comparison& comparison,
                                           const IntervalOptions& options = {});

// Where the bins of a numeric feature lie, in deviations from the mean: the middle between cuts;
// the outer bins reach as far beyond their cut as the baseline's range does.
std::array<double, kNumericBins> BinPositions(const Cuts& cuts, double min, double max, double mean,
                                              double deviation);

// Mean of the current counts less that of the reference, in deviations: the effect.
Estimate MeanShift(const Comparison& comparison, const IntervalOptions& options = {});

}  // namespace kedge::stats
