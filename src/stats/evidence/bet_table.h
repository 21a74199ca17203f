// The factors by which evidence against "no drift" is multiplied, one row a bin.
//
// A feature's sample falls into a bin; row [bin] holds for each of 16 bets the factor that its
// capital is multiplied with. Every column is the likelihood ratio of one alternative against the
// nearest distribution of the null band (null_band.h), so its expectation is at most 1 under every
// distribution within the tolerance:
//
//   location  the mean moved by -+ (tolerance + 0.10, 0.23, 0.48, 0.95, 1.95) deviations       10
//   columns scale     the deviation times 1.35, 2 and 0.6 3 tail      10 % of the samples moved by
//   -+ 3 deviations                                       2 shape     two humps at -+ 1 1
//
// Alternatives are stated on the normal scores of the reference (z = Phi^-1(F) at a cut), so the
// table needs no cut points, only the reference's counts. Columns have unequal weights: a small
// move of the mean takes hundreds of samples to see and every nat of weight costs 40 of them, a
// large one takes ten.
//
// Cut points at equal quantiles waste bins: what tells a wider deviation or a far tail stands in
// the outermost per mille. With kBaselineQuantiles the median delay for "deviation x2" falls from
// 46 to 25 samples and for "10 % at +3" from 292 to 89, and a moved mean is seen as fast as before
// (tests/statistics, delay programme). Rounding is downwards wherever it happens, so the
// expectation stays at most 1. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "stats/evidence/null_band.h"

namespace kedge::stats {

inline constexpr int kBets = 16;

// Where a baseline cuts a numeric feature: bin 0 is below the first quantile, bin 15 at or above
// the last.
inline constexpr std::array<double, 15> kBaselineQuantiles = {
    0.001, 0.01, 0.04, 0.10, 0.20, 0.32, 0.42, 0.50, 0.58, 0.68, 0.80, 0.90, 0.96, 0.99, 0.999};

// Steps after which evidence has an expectation no larger than this, however long it runs on: 48
// days at 1 Hz.
inline constexpr double kHorizonSteps = 4194304;

struct BetTableOptions {
  // Minimum effect in deviations. The baseline takes at least 3 / sqrt(rows).
  double tolerance = 0.05;
  // Independent samples behind the reference's counts; 0 takes their sum. A reference whose rows
  // follow each other in time at decorrelation stride s is worth its rows / s.
  double rows = 0;
  // Factors carry 1 - 1/horizon, so that the expectation of a detector's evidence is at most
  // min(steps, horizon) at every fixed moment, for ever. That makes evidence / horizon an e-value
  // for e-BH.
  double horizon = kHorizonSteps;
};

// Immutable after Build; 1 KiB for 16 bins. Features whose reference fell exactly at
// kBaselineQuantiles have equal tables: whoever holds many shares them.
struct BetTable {
  std::vector<std::array<float, kBets>> factors;  // [bin][bet]
  std::array<float, kBets> weights{};             // of the bets in the mixture, sum <= 1
  int bins = 0;

  // errors: kInvalidArgument if counts are not 2..64 or all 0, if tolerance is not in [0, 1], rows
  // below 1 or horizon below 2.
  static Result<BetTable> Build(std::span<const uint64_t> reference_counts,
                                const BetTableOptions& options = {});
};

// What Build refuses, for others that take the same arguments.
Status CheckReference(std::span<const uint64_t> reference_counts, const BetTableOptions& options);

// The band of "no drift" that a table of these counts and options is built against.
NullBand NullBandOf(std::span<const uint64_t> reference_counts, const BetTableOptions& options);

}  // namespace kedge::stats
