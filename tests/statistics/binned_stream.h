// A reference sample, its bins and its bet table, as the baseline builder makes them, and exact bin
// probabilities of changed streams: simulations draw bins, not values, wherever samples are
// independent. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "stats/evidence/bet_table.h"

namespace kedge::statistics {

struct Reference {
  std::vector<double> cuts;      // 15, at kBaselineQuantiles of the sample
  std::vector<uint64_t> counts;  // 16
  stats::BetTable table;

  // Bin of a value: the number of cuts <= value.
  int Bin(double value) const {
    int bin = 0;
    for (const double cut : cuts) bin += value >= cut ? 1 : 0;
    return bin;
  }
};

// Cuts and counts a sample, which is sorted in place.
Reference MakeReference(std::vector<double>& sample, const stats::BetTableOptions& options);

// As MakeReference, of `rows` independent standard normal values.
Reference GaussianReference(int rows, uint64_t seed, const stats::BetTableOptions& options);

// A change of a standard normal stream: `share` of samples become mean + deviation * z.
struct Change {
  double mean = 0;
  double deviation = 1;
  double share = 1;
};

// Probabilities of the bins of a changed standard normal stream.
std::vector<double> BinProbabilities(const Reference& reference, const Change& change);

// "1", or the environment's KEDGE_STATISTICS_FULL: whether to run at the size of scripts/soak
// statistics.
bool FullSize();

// The largest rate per unit of exposure that `events` observed events leave at confidence 95 %
// (exact, Poisson: the rate under which so few would be seen in 5 % of cases).
double PoissonUpperBound(int64_t events, double exposure);

// Quantile of values, which are sorted in place; q in [0, 1].
double Quantile(std::vector<double>& values, double q);

}  // namespace kedge::statistics
