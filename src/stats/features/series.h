// A window of a time series as a few numbers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace kedge::stats {

inline constexpr size_t kSeriesBands = 8;

struct SeriesSummary {
  double mean = 0;
  double rms = 0;             // about the mean
  double kurtosis = 0;        // 3 for Gaussian; NaN for a constant window
  double crest = 0;           // largest distance from the mean / rms; NaN for a constant window
  double zero_crossings = 0;  // share of steps that cross the mean
  // log10 of the mean energy of an octave: band 0 is the highest, from a quarter to half the
  // sampling rate; what a window is too short for is that of no energy, -30. By Haar wavelets,
  // which cost two additions a sample and blur an octave into its neighbours: a shifted tone moves
  // several bands, which is as good for telling that something changed.
  std::array<double, kSeriesBands> bands{};
};

// `window`: two or more samples; is overwritten.
SeriesSummary SummarizeSeries(std::span<float> window);

}  // namespace kedge::stats
