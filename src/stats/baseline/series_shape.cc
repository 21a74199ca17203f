// What the order and times of a feature's values say: stride and season. Clusters of embeddings.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "stats/baseline/builder.h"

namespace kedge::stats {
namespace {

constexpr double kDecorrelated = 0.1;
constexpr size_t kRowsForStride = 50;
constexpr double kSeasonExplains = 0.1;
constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kSeasonSpanMs = 72 * kHourMs;
constexpr uint64_t kValuesPerHour = 10;

double MeanOf(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double Covariance(std::span<const double> values, double mean, size_t lag) {
  double sum = 0;
  for (size_t i = lag; i < values.size(); ++i) sum += (values[i] - mean) * (values[i - lag] - mean);
  return sum / static_cast<double>(values.size());
}

double SquaredDistance(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += d * d;
  }
  return sum;
}

size_t NearestOf(const std::vector<float>& row, const std::vector<std::vector<float>>& centres) {
  size_t best = 0;
  double best_distance = std::numeric_limits<double>::infinity();
  for (size_t c = 0; c < centres.size(); ++c) {
    const double distance = SquaredDistance(row, centres[c]);
    if (distance < best_distance) {
      best = c;
      best_distance = distance;
    }
  }
  return best;
}

void LloydRound(const std::vector<std::vector<float>>& rows,
                std::vector<std::vector<float>>& centres) {
  std::vector<std::vector<double>> sums(centres.size(), std::vector<double>(rows[0].size()));
  std::vector<size_t> members(centres.size());
  for (const auto& row : rows) {
    const size_t nearest = NearestOf(row, centres);
    ++members[nearest];
    for (size_t i = 0; i < row.size(); ++i) sums[nearest][i] += static_cast<double>(row[i]);
  }
  for (size_t c = 0; c < centres.size(); ++c) {
    if (members[c] == 0) continue;
    for (size_t i = 0; i < centres[c].size(); ++i)
      centres[c][i] = static_cast<float>(sums[c][i] / static_cast<double>(members[c]));
  }
}

}  // namespace

uint32_t DecorrelationStride(std::span<const double> values) {
  if (values.size() < kRowsForStride) return 1;
  const double mean = MeanOf(values);
  const double variance = Covariance(values, mean, 0);
  if (!(variance > 0)) return 1;
  const size_t lag_max = values.size() / 10;
  const auto correlated = [&](size_t lag) {
    return Covariance(values, mean, lag) > kDecorrelated * variance;
  };
  // One by one while lags are short, then in growing steps, then back to the first by halving.
  size_t known = 0, next = 1;
  while (next < lag_max && correlated(next)) {
    known = next;
    next = std::max(next + 1, next + next / 16);
  }
  while (next - known > 1) {
    const size_t middle = known + (next - known) / 2;
    (correlated(middle) ? known : next) = middle;
  }
  return static_cast<uint32_t>(std::min<size_t>(next, kStrideMax));
}

std::optional<Season> MeasureSeason(std::span<const double> values,
                                    std::span<const int64_t> times_ms) {
  if (values.size() != times_ms.size() || values.empty()) return std::nullopt;
  const auto [first, last] = std::minmax_element(times_ms.begin(), times_ms.end());
  if (*last - *first < kSeasonSpanMs) return std::nullopt;
  const double mean = MeanOf(values);
  std::array<double, kHours> sums{};
  std::array<uint64_t, kHours> counts{};
  double total = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const int64_t hour = times_ms[i] / kHourMs % static_cast<int64_t>(kHours);
    const auto h = static_cast<size_t>(hour < 0 ? hour + static_cast<int64_t>(kHours) : hour);
    sums[h] += values[i] - mean;
    ++counts[h];
    total += (values[i] - mean) * (values[i] - mean);
  }
  Season season;
  double between = 0;
  for (size_t h = 0; h < kHours; ++h) {
    if (counts[h] < kValuesPerHour) return std::nullopt;
    season.mean[h] = sums[h] / static_cast<double>(counts[h]);
    between += season.mean[h] * sums[h];
  }
  season.explained = total > 0 ? std::min(1.0, between / total) : 0;
  if (season.explained <= kSeasonExplains) return std::nullopt;
  return season;
}

std::vector<std::vector<float>> Prototypes(const std::vector<std::vector<float>>& rows,
                                           size_t count, uint64_t seed) {
  std::vector<std::vector<float>> centres;
  if (rows.empty() || count == 0) return centres;
  std::mt19937_64 random(seed);
  centres.push_back(rows[random() % rows.size()]);
  std::vector<double> distances(rows.size());
  while (centres.size() < std::min(count, rows.size())) {
    double sum = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      distances[i] = SquaredDistance(rows[i], centres[NearestOf(rows[i], centres)]);
      sum += distances[i];
    }
    if (!(sum > 0)) break;  // all rows are centres
    double left = static_cast<double>(random() >> 11) * 0x1p-53 * sum;
    size_t chosen = 0;
    while (chosen + 1 < rows.size() && (left -= distances[chosen]) > 0) ++chosen;
    centres.push_back(rows[chosen]);
  }
  for (int round = 0; round < 10; ++round) LloydRound(rows, centres);
  return centres;
}

}  // namespace kedge::stats
