// SPDX-License-Identifier: Apache-2.0
#include "statistics/baseline_rules.h"

#include <algorithm>
#include <cmath>

namespace kedge::statistics {
namespace {

constexpr int kBlockSeconds = 600;
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

double ChosenBaseline::SeasonAt(double second) const {
  const double hour =
      second / kSecondsPerHour + 23.5;  // hour h's mean stands at h:30; 24 more keeps it positive
  const auto before = static_cast<int64_t>(hour);
  const double along = hour - static_cast<double>(before);
  return hour_means[before % 24] * (1 - along) + hour_means[(before + 1) % 24] * along;
}

ChosenBaseline ChooseBaseline(std::span<const double> series) {
  ChosenBaseline chosen;
  std::vector<double> clean(series.begin(), series.end());
  const auto take_off = [&](double sign) {
    for (size_t i = 0; i < clean.size(); ++i) {
      clean[i] -= sign * chosen.SeasonAt(static_cast<double>(i % kSecondsPerDay));
    }
  };
  const std::vector<double> hours = MeansBy(series, kSecondsPerHour);
  double mean = 0;
  for (const double h : hours) mean += h / 24;
  for (int h = 0; h < 24; ++h) chosen.hour_means[h] = hours[h] - mean;
  take_off(1);
  chosen.season_share = 1 - Variance(clean) / Variance(series);
  if (chosen.season_share <= kSeasonShare) {
    take_off(-1);
    chosen.hour_means = {};
  }
  chosen.stride = Stride(clean);

  const double deviation = std::sqrt(Variance(clean));
  const double rows = static_cast<double>(clean.size()) / chosen.stride;
  chosen.tolerance = std::max(0.05, 3 / std::sqrt(rows));
  // What still moves over the day is no drift either; a block's mean within three standard errors
  // has not moved.
  const double noise = 3 / std::sqrt(rows / kBlocksPerDay);
  for (const double block : MeansBy(clean, kBlockSeconds)) {
    const double moved = std::abs(block - mean) / deviation;
    if (moved > noise) chosen.tolerance = std::max(chosen.tolerance, moved);
  }
  chosen.tolerance = std::min(chosen.tolerance, 1.0);
  Reference reference = MakeReference(clean, {.tolerance = chosen.tolerance, .rows = rows});
  chosen.cuts = std::move(reference.cuts);
  chosen.table = std::move(reference.table);
  return chosen;
}

}  // namespace kedge::statistics
