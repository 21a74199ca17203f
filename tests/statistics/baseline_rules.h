// What a baseline decides from a time-ordered series: stride, season, tolerance. The rules of
// `kedge baseline`, on a series in memory. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "statistics/binned_stream.h"

namespace kedge::statistics {

inline constexpr int kSecondsPerHour = 3600;
inline constexpr int kSecondsPerDay = 86400;
inline constexpr double kStrideCorrelation =
    0.1;  // the largest autocorrelation that a strided stream may keep
inline constexpr double kSeasonShare = 0.1;  // of the variance, from which on a season key is used

struct ChosenBaseline {
  int stride = 1;
  double tolerance = 0.05;
  double season_share = 0;  // of the variance that the hour of the day explains
  std::vector<double> cuts;
  std::vector<stats::BetTable> tables;  // one, or 24 by hour of the day

  bool seasonal() const { return tables.size() == 24; }
  const stats::BetTable& TableAt(int64_t second) const {
    return seasonal() ? tables[second / kSecondsPerHour % 24] : tables[0];
  }
  int Bin(double value) const {
    int bin = 0;
    for (const double cut : cuts) bin += value >= cut ? 1 : 0;
    return bin;
  }
};

// Chooses from one sample a second, the first at midnight.
ChosenBaseline ChooseBaseline(std::span<const double> series);

}  // namespace kedge::statistics
