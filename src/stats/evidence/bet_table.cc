// SPDX-License-Identifier: Apache-2.0
#include "stats/evidence/bet_table.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

namespace kedge::stats {
namespace {

// One alternative as a distribution function of normal scores:
//   (1 - share) Phi(z) + share * (Phi((z - mean) / deviation) + Phi((z + mirror * mean) /
//   deviation)) / 2
struct Alternative {
  double weight;
  double mean = 0;
  double deviation = 1;
  double share = 1;
  bool plus_tolerance = false;  // the mean moves by the tolerance besides
  bool two_humps = false;

  double Cdf(double z, double tolerance) const {
    const double centre = plus_tolerance ? mean + std::copysign(tolerance, mean) : mean;
    const double hump = NormalCdf((z - centre) / deviation);
    const double other = two_humps ? NormalCdf((z + centre) / deviation) : hump;
    return (1 - share) * NormalCdf(z) + share * (hump + other) / 2;
  }
};

constexpr std::array<Alternative, kBets> kAlternatives = {{
    {.weight = 0.06, .mean = -0.10, .plus_tolerance = true},
    {.weight = 0.06, .mean = +0.10, .plus_tolerance = true},
    {.weight = 0.13, .mean = -0.23, .plus_tolerance = true},
    {.weight = 0.13, .mean = +0.23, .plus_tolerance = true},
    {.weight = 0.10, .mean = -0.48, .plus_tolerance = true},
    {.weight = 0.10, .mean = +0.48, .plus_tolerance = true},
    {.weight = 0.05, .mean = -0.95, .plus_tolerance = true},
    {.weight = 0.05, .mean = +0.95, .plus_tolerance = true},
    {.weight = 0.03, .mean = -1.95, .plus_tolerance = true},
    {.weight = 0.03, .mean = +1.95, .plus_tolerance = true},
    {.weight = 0.06, .deviation = 1.35},
    {.weight = 0.06, .deviation = 2},
    {.weight = 0.04, .deviation = 0.6},
    {.weight = 0.03, .mean = -3, .share = 0.1},
    {.weight = 0.03, .mean = +3, .share = 0.1},
    {.weight = 0.04, .mean = 1, .deviation = 0.5, .two_humps = true},
}};

// Every alternative keeps this share of the reference: a single sample that it thought impossible
// does not cost all capital, and its distribution function rises strictly.
constexpr double kKept = 0.001;
constexpr double kFactorMax = 1e6;

double RowsOf(std::span<const uint64_t> counts, const BetTableOptions& options) {
  const auto sum = static_cast<double>(std::accumulate(counts.begin(), counts.end(), uint64_t{0}));
  return options.rows > 0 ? options.rows : sum;
}

// F at the edges; `pseudo` samples are added to each bin.
Edges Cumulated(std::span<const uint64_t> counts, double pseudo) {
  Edges edges{};
  double total = 0;
  for (const uint64_t count : counts) total += static_cast<double>(count) + pseudo;
  double running = 0;
  for (size_t b = 0; b + 1 < counts.size(); ++b) {
    running += static_cast<double>(counts[b]) + pseudo;
    edges[b + 1] = running / total;
  }
  edges[counts.size()] = 1;
  return edges;
}

}  // namespace

Status CheckReference(std::span<const uint64_t> counts, const BetTableOptions& options) {
  if (counts.size() < 2 || counts.size() > kBinsMax) {
    return InvalidArgument("reference has " + std::to_string(counts.size()) + " bins, not 2 to 64");
  }
  if (std::all_of(counts.begin(), counts.end(), [](uint64_t n) { return n == 0; })) {
    return InvalidArgument("reference has no sample");
  }
  if (!(options.tolerance >= 0 && options.tolerance <= 1)) {
    return InvalidArgument("tolerance is " + std::to_string(options.tolerance) + ", not in [0, 1]");
  }
  if (!(options.rows == 0 || options.rows >= 1)) {
    return InvalidArgument("reference is worth " + std::to_string(options.rows) + " rows, not 1");
  }
  if (!(options.horizon >= 2)) {
    return InvalidArgument("horizon is " + std::to_string(options.horizon) + " steps, not 2");
  }
  return {};
}

NullBand NullBandOf(std::span<const uint64_t> counts, const BetTableOptions& options) {
  const Edges cumulated = Cumulated(counts, 0);
  return MakeNullBand({cumulated.data(), counts.size() + 1}, RowsOf(counts, options),
                      options.tolerance);
}

Result<BetTable> BetTable::Build(std::span<const uint64_t> counts, const BetTableOptions& options) {
  KEDGE_TRY_STATUS(CheckReference(counts, options));
  BetTable table;
  table.bins = static_cast<int>(counts.size());
  table.factors.resize(counts.size());
  const NullBand band = NullBandOf(counts, options);
  const Edges smooth = Cumulated(counts, 0.5);  // empty bins take part in alternatives
  Edges scores{};
  for (int i = 1; i < table.bins; ++i) scores[i] = NormalQuantile(smooth[i]);
  const double decay =
      (1 - 1 / options.horizon) * (1 - 1e-7);  // the last factor pays for rounding to float
  for (int k = 0; k < kBets; ++k) {
    Edges cumulated{};
    for (int i = 1; i < table.bins; ++i) {
      cumulated[i] =
          (1 - kKept) * kAlternatives[k].Cdf(scores[i], options.tolerance) + kKept * smooth[i];
    }
    cumulated[table.bins] = 1;
    const Edges nearest = NearestNull(band, {cumulated.data(), counts.size() + 1});
    for (int b = 0; b < table.bins; ++b) {
      const double factor = (cumulated[b + 1] - cumulated[b]) / (nearest[b + 1] - nearest[b]);
      table.factors[b][k] = static_cast<float>(std::min(factor, kFactorMax) * decay);
    }
    table.weights[k] = static_cast<float>(kAlternatives[k].weight * (1 - 1e-7));
  }
  return table;
}

}  // namespace kedge::stats
