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
inline constexpr double kSeasonShare =
    0.1;  // of the variance, from which on the season is taken off

struct ChosenBaseline {
  int stride = 1;
  double tolerance = 0.05;
  double season_share = 0;              // of the variance that the hour of the day explains
  std::array<double, 24> hour_means{};  // what is taken off, 0 where it explains too little
  std::vector<double> cuts;
  stats::BetTable table;

  // The hour means, interpolated between the middles of the hours: stepwise they would leave a
  // movement of 0.13 amplitudes inside an hour, so it is 0.01.
  double SeasonAt(double second) const;
  int Bin(double value, double season) const {
    int bin = 0;
    for (const double cut : cuts) bin += value - season >= cut ? 1 : 0;
    return bin;
  }
};

// Chooses from one sample a second, the first at midnight.
ChosenBaseline ChooseBaseline(std::span<const double> series);

}  // namespace kedge::statistics
