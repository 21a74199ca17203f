// SPDX-License-Identifier: Apache-2.0
#include "statistics/binned_stream.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>

#include "base/check.h"
#include "statistics/random.h"

namespace kedge::statistics {

Reference MakeReference(std::vector<double>& sample, const stats::BetTableOptions& options) {
  std::sort(sample.begin(), sample.end());
  Reference reference;
  for (const double q : stats::kBaselineQuantiles) {
    reference.cuts.push_back(sample[static_cast<size_t>(q * static_cast<double>(sample.size()))]);
  }
  auto from = sample.begin();
  for (const double cut : reference.cuts) {
    const auto to = std::lower_bound(from, sample.end(), cut);
    reference.counts.push_back(static_cast<uint64_t>(to - from));
    from = to;
  }
  reference.counts.push_back(static_cast<uint64_t>(sample.end() - from));
  auto table = stats::BetTable::Build(reference.counts, options);
  KEDGE_CHECK(table.has_value());
  reference.table = *std::move(table);
  return reference;
}

Reference GaussianReference(int rows, uint64_t seed, const stats::BetTableOptions& options) {
  Random random(seed);
  std::vector<double> sample(rows);
  for (double& value : sample) value = random.Normal();
  return MakeReference(sample, options);
}

std::vector<double> BinProbabilities(const Reference& reference, const Change& change) {
  std::vector<double> result;
  double before = 0;
  for (const double cut : reference.cuts) {
    const double moved = stats::NormalCdf((cut - change.mean) / change.deviation);
    const double below = (1 - change.share) * stats::NormalCdf(cut) + change.share * moved;
    result.push_back(below - before);
    before = below;
  }
  result.push_back(1 - before);
  return result;
}

bool FullSize() {
  const char* full = std::getenv("KEDGE_STATISTICS_FULL");
  return full != nullptr && std::string_view(full) == "1";
}

double PoissonUpperBound(int64_t events, double exposure) {
  // Bisect on the mean: P(count <= events) falls as it grows.
  double low = 0;
  double high = static_cast<double>(events) * 3 + 20;
  for (int i = 0; i < 200; ++i) {
    const double mean = (low + high) / 2;
    double term = -mean;  // log of P(count = 0)
    double sum = std::exp(term);
    for (int64_t k = 1; k <= events; ++k) {
      term += std::log(mean / static_cast<double>(k));
      sum += std::exp(term);
    }
    (sum > 0.05 ? low : high) = mean;
  }
  return high / exposure;
}

double Quantile(std::vector<double>& values, double q) {
  KEDGE_CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  const double position = q * static_cast<double>(values.size() - 1);
  return values[static_cast<size_t>(std::lround(position))];
}

}  // namespace kedge::statistics
