// SPDX-License-Identifier: Apache-2.0
#include "statistics/baseline_rules.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace kedge::statistics {
namespace {

constexpr int kBlockSeconds = 600;  // a tenth of an hour's movement is seen
constexpr int kBlocksPerDay = kSecondsPerDay / kBlockSeconds;

// Mean of the values at each hour of the day, or each block of it.
std::vector<double> MeansBy(std::span<const double> series, int seconds) {
  std::vector<double> sums(kSecondsPerDay / seconds, 0), counts(sums.size(), 0);
  for (size_t i = 0; i < series.size(); ++i) {
    const size_t key = i % kSecondsPerDay / seconds;
    sums[key] += series[i];
    ++counts[key];
  }
  for (size_t k = 0; k < sums.size(); ++k) sums[k] /= std::max(counts[k], 1.0);
  return sums;
}

double Variance(std::span<const double> series) {
  double sum = 0, squares = 0;
  for (const double v : series) {
    sum += v;
    squares += v * v;
  }
  const auto n = static_cast<double>(series.size());
  return squares / n - sum / n * (sum / n);
}

double Autocorrelation(std::span<const double> series, int lag) {
  double product = 0, squares = 0, mean = 0;
  for (const double v : series) mean += v / static_cast<double>(series.size());
  for (size_t i = 0; i < series.size(); ++i) {
    squares += (series[i] - mean) * (series[i] - mean);
    if (i >= static_cast<size_t>(lag)) product += (series[i] - mean) * (series[i - lag] - mean);
  }
  return product / squares;
}

// The first lag at which the autocorrelation is small: doubling finds a range, halving the lag.
int Stride(std::span<const double> series) {
  int high = 1;
  while (Autocorrelation(series, high) > kStrideCorrelation && high < 4096) high *= 2;
  int low = high / 2;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (Autocorrelation(series, middle) > kStrideCorrelation ? low : high) = middle;
  }
  return high;
}

}  // namespace

ChosenBaseline ChooseBaseline(std::span<const double> series) {
  ChosenBaseline chosen;
  const std::vector<double> hours = MeansBy(series, kSecondsPerHour);
  std::vector<double> residual(series.begin(), series.end());
  for (size_t i = 0; i < residual.size(); ++i) residual[i] -= hours[i / kSecondsPerHour % 24];
  chosen.season_share = 1 - Variance(residual) / Variance(series);
  const bool seasonal = chosen.season_share > kSeasonShare;
  chosen.stride = Stride(seasonal ? std::span<const double>(residual) : series);

  std::vector<double> sorted(series.begin(), series.end());
  std::sort(sorted.begin(), sorted.end());
  for (const double q : stats::kBaselineQuantiles) {
    chosen.cuts.push_back(sorted[static_cast<size_t>(q * static_cast<double>(sorted.size()))]);
  }
  const size_t keys = seasonal ? 24 : 1;
  std::vector<std::vector<uint64_t>> counts(keys, std::vector<uint64_t>(16, 0));
  for (size_t i = 0; i < series.size(); ++i) {
    ++counts[i / kSecondsPerHour % keys][chosen.Bin(series[i])];
  }
  const double rows =
      static_cast<double>(series.size()) / static_cast<double>(keys) / chosen.stride;
  chosen.tolerance = std::max(0.05, 3 / std::sqrt(rows));
  // What still moves inside a key (all of the season where there is no key) is no drift either.
  const double deviation = std::sqrt(Variance(residual));
  const std::vector<double> blocks = MeansBy(series, kBlockSeconds);
  double overall = 0;
  for (const double b : blocks) overall += b / kBlocksPerDay;
  for (int b = 0; b < kBlocksPerDay; ++b) {
    const double centre = seasonal ? hours[b / 6] : overall;
    const double moved = std::abs(blocks[b] - centre) / deviation;
    // Noise of a block's mean: three standard errors are no movement.
    const double noise =
        3 / std::sqrt(static_cast<double>(series.size()) / kBlocksPerDay / chosen.stride);
    if (moved > noise) chosen.tolerance = std::max(chosen.tolerance, moved);
  }
  for (const auto& c : counts) {
    auto table =
        stats::BetTable::Build(c, {.tolerance = std::min(chosen.tolerance, 1.0), .rows = rows});
    KEDGE_CHECK(table.has_value());
    chosen.tables.push_back(*std::move(table));
  }
  return chosen;
}

}  // namespace kedge::statistics
