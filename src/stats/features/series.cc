// SPDX-License-Identifier: Apache-2.0
#include "stats/features/series.h"

#include <cmath>
#include <limits>

namespace kedge::stats {
namespace {

// The mean energy of the details of each octave; `window` holds the deviations from the mean.
void BandEnergies(std::span<float> window, std::array<double, kSeriesBands>& bands) {
  constexpr float kHalfRoot = 0.70710678F;
  bands.fill(-30);
  size_t length = window.size();
  const auto samples = static_cast<double>(length);
  for (double& band : bands) {
    const size_t pairs = length / 2;
    if (pairs == 0) return;
    double energy = 0;
    for (size_t i = 0; i < pairs; ++i) {
      const float detail = (window[2 * i] - window[2 * i + 1]) * kHalfRoot;
      window[i] = (window[2 * i] + window[2 * i + 1]) * kHalfRoot;
      energy += static_cast<double>(detail * detail);
    }
    band = std::log10(energy / samples + 1e-30);
    length = pairs;
  }
}

}  // namespace

SeriesSummary SummarizeSeries(std::span<float> window) {
  SeriesSummary summary;
  const auto samples = static_cast<double>(window.size());
  double sum = 0;
  for (const float x : window) sum += static_cast<double>(x);
  summary.mean = sum / samples;
  double squares = 0, fourths = 0, peak = 0;
  size_t crossings = 0;
  bool above = static_cast<double>(window[0]) >= summary.mean;
  for (float& x : window) {
    const double d = static_cast<double>(x) - summary.mean;
    squares += d * d;
    fourths += d * d * d * d;
    peak = std::max(peak, std::abs(d));
    crossings += (d >= 0) != above ? 1 : 0;
    above = d >= 0;
    x = static_cast<float>(d);
  }
  summary.rms = std::sqrt(squares / samples);
  const bool constant = !(squares > 0);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  summary.kurtosis = constant ? nan : fourths / samples / (squares / samples * squares / samples);
  summary.crest = constant ? nan : peak / summary.rms;
  summary.zero_crossings = static_cast<double>(crossings) / (samples - 1);
  BandEnergies(window, summary.bands);
  return summary;
}

}  // namespace kedge::stats
