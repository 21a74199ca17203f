// SPDX-License-Identifier: Apache-2.0
#include "stats/counts/distance.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "base/check.h"

namespace kedge::stats {
namespace {

constexpr size_t kBinsAtMost = 64;
using Shares = std::array<double, kBinsAtMost>;

double Sum(std::span<const double> counts) {
  return std::accumulate(counts.begin(), counts.end(), 0.0);
}

// Counts of both sides as real numbers, since draws of the bootstrap may be.
struct Pair {
  std::span<const double> reference;
  std::span<const double> current;
  std::span<const double> positions;
  double rows_reference = 0;
  double rows_current = 0;

  size_t bins() const { return reference.size(); }
  double p(size_t i) const { return reference[i] / rows_reference; }
  double q(size_t i) const { return current[i] / rows_current; }
};

double Ks(const Pair& pair) {
  double difference = 0, largest = 0;
  for (size_t i = 0; i + 1 < pair.bins(); ++i) {
    difference += pair.p(i) - pair.q(i);
    largest = std::max(largest, std::abs(difference));
  }
  return largest;
}

double Psi(const Pair& pair) {
  const double half = 0.5 * static_cast<double>(pair.bins());
  double sum = 0;
  for (size_t i = 0; i < pair.bins(); ++i) {
    const double p = (pair.reference[i] + 0.5) / (pair.rows_reference + half);
    const double q = (pair.current[i] + 0.5) / (pair.rows_current + half);
    sum += (q - p) * std::log(q / p);
  }
  return sum;
}

double Js(const Pair& pair) {
  const auto part = [](double share, double middle) {
    return share > 0 ? share * std::log2(share / middle) : 0.0;
  };
  double sum = 0;
  for (size_t i = 0; i < pair.bins(); ++i) {
    const double middle = (pair.p(i) + pair.q(i)) / 2;
    sum += (part(pair.p(i), middle) + part(pair.q(i), middle)) / 2;
  }
  return std::clamp(sum, 0.0, 1.0);
}

double W1(const Pair& pair) {
  if (pair.positions.empty()) return 0;
  double difference = 0, area = 0;
  for (size_t i = 0; i + 1 < pair.bins(); ++i) {
    difference += pair.p(i) - pair.q(i);
    area += std::abs(difference) * (pair.positions[i + 1] - pair.positions[i]);
  }
  return area;
}

double Hellinger(const Pair& pair) {
  double overlap = 0;
  for (size_t i = 0; i < pair.bins(); ++i) overlap += std::sqrt(pair.p(i) * pair.q(i));
  return std::sqrt(std::max(0.0, 1 - overlap));
}

double LInfinity(const Pair& pair) {
  double largest = 0;
  for (size_t i = 0; i < pair.bins(); ++i)
    largest = std::max(largest, std::abs(pair.p(i) - pair.q(i)));
  return largest;
}

double ChiSquared(const Pair& pair) {
  const double ratio = std::sqrt(pair.rows_current / pair.rows_reference);
  double statistic = 0;
  int used = 0;
  for (size_t i = 0; i < pair.bins(); ++i) {
    const double both = pair.reference[i] + pair.current[i];
    if (both <= 0) continue;
    const double difference = ratio * pair.reference[i] - pair.current[i] / ratio;
    statistic += difference * difference / both;
    ++used;
  }
  return used > 1 ? statistic / (used - 1) : 0;
}

double DistanceOfPair(Distance distance, const Pair& pair) {
  if (pair.rows_reference <= 0 || pair.rows_current <= 0) return 0;
  switch (distance) {
    case Distance::kKs:
      return Ks(pair);
    case Distance::kPsi:
      return Psi(pair);
    case Distance::kJs:
      return Js(pair);
    case Distance::kW1:
      return W1(pair);
    case Distance::kHellinger:
      return Hellinger(pair);
    case Distance::kLInfinity:
      return LInfinity(pair);
    case Distance::kChiSquared:
      return ChiSquared(pair);
  }
  return 0;
}

// How far the differences of `draw` are from those of `pair`, at the worst cut or bin.
double LargestNoise(bool cumulated, const Pair& pair, const Pair& draw) {
  double sum = 0, largest = 0;
  for (size_t i = 0; i < pair.bins(); ++i) {
    const double noise = (draw.p(i) - draw.q(i)) - (pair.p(i) - pair.q(i));
    sum = cumulated ? sum + noise : noise;
    largest = std::max(largest, std::abs(sum));
  }
  return largest;
}

// Difference of the means in deviations.
double Shift(const Pair& pair) {
  if (pair.positions.empty() || pair.rows_reference <= 0 || pair.rows_current <= 0) return 0;
  double shift = 0;
  for (size_t i = 0; i < pair.bins(); ++i) shift += (pair.q(i) - pair.p(i)) * pair.positions[i];
  return shift;
}

// Seeded, and the same on every machine up to the last bits of log and cos.
class Draws {
 public:
  explicit Draws(uint64_t seed) : state_(seed) {}

  // A Poisson count of that mean; Gaussian where the two are as good as equal.
  double Poisson(double mean) {
    if (mean > 50) return std::max(0.0, std::floor(mean + std::sqrt(mean) * Normal() + 0.5));
    const double limit = std::exp(-mean);
    double product = Uniform();
    double count = 0;
    for (; product > limit; product *= Uniform()) ++count;
    return count;
  }

 private:
  double Uniform() {  // in (0, 1]; SplitMix64 (Steele, Lea, Flood 2014)
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (static_cast<double>((z ^ (z >> 31)) >> 11) + 1) * 0x1p-53;
  }
  double Normal() {
    return std::sqrt(-2 * std::log(Uniform())) * std::cos(6.283185307179586 * Uniform());
  }
  uint64_t state_;
};

struct Sides {
  Shares reference{};
  Shares current{};
  std::span<const double> positions;
  size_t bins = 0;

  Pair AsPair() const {
    Pair pair{{reference.data(), bins}, {current.data(), bins}, positions};
    pair.rows_reference = Sum(pair.reference);
    pair.rows_current = Sum(pair.current);
    return pair;
  }
};

Sides SidesOf(const Comparison& comparison) {
  const size_t bins = comparison.reference.size();
  KEDGE_CHECK(bins >= 1 && bins <= kBinsAtMost && comparison.current.size() == bins);
  KEDGE_CHECK(comparison.positions.empty() || comparison.positions.size() == bins);
  Sides sides{.positions = comparison.positions, .bins = bins};
  std::copy(comparison.reference.begin(), comparison.reference.end(), sides.reference.begin());
  std::copy(comparison.current.begin(), comparison.current.end(), sides.current.begin());
  return sides;
}

// Calls `on_draw` with the counts and with what was drawn from them.
void Draw(const Sides& sides, const IntervalOptions& options,
          const std::function<void(const Pair& drawn)>& on_draw) {
  KEDGE_CHECK(options.draws >= 40 && options.draws <= 10'000);
  Draws draws(options.seed);
  for (uint32_t i = 0; i < options.draws; ++i) {
    Sides drawn = sides;
    for (size_t b = 0; b < sides.bins; ++b) {
      drawn.reference[b] = draws.Poisson(sides.reference[b]);
      drawn.current[b] = draws.Poisson(sides.current[b]);
    }
    const Pair pair = drawn.AsPair();
    if (pair.rows_reference > 0 && pair.rows_current > 0) on_draw(pair);
  }
}

double QuantileOf(std::vector<double>& sorted, double share) {
  const auto last = static_cast<double>(sorted.size() - 1);
  return sorted[static_cast<size_t>(std::lround(share * last))];
}

// The basic bootstrap interval of an estimate, whose draws are given.
Estimate BasicInterval(double value, std::vector<double>& drawn, double confidence) {
  if (drawn.empty()) return {value, value, value};
  std::sort(drawn.begin(), drawn.end());
  const double tail = (1 - confidence) / 2;
  return {value, 2 * value - QuantileOf(drawn, 1 - tail), 2 * value - QuantileOf(drawn, tail)};
}

// Value -+ the noise that is not passed as often as the confidence says.
Estimate NoiseInterval(double value, std::vector<double>& noise, double confidence) {
  if (noise.empty()) return {value, value, value};
  std::sort(noise.begin(), noise.end());
  const double most = QuantileOf(noise, confidence);
  return {value, value - most, value + most};
}

bool IsMaximum(Distance distance) {
  return distance == Distance::kKs || distance == Distance::kLInfinity;
}

constexpr std::array<std::string_view, kDistances> kNames = {"ks",        "psi",  "js",  "w1",
                                                             "hellinger", "linf", "chi2"};

}  // namespace

std::string_view DistanceName(Distance distance) { return kNames[static_cast<size_t>(distance)]; }

Result<Distance> ParseDistance(std::string_view name) {
  for (size_t i = 0; i < kDistances; ++i) {
    if (kNames[i] == name) return static_cast<Distance>(i);
  }
  return InvalidArgument("'" + std::string(name) +
                         "' is no distance: ks, psi, js, w1, hellinger, linf or chi2");
}

double DistanceOf(Distance distance, const Comparison& comparison) {
  return DistanceOfPair(distance, SidesOf(comparison).AsPair());
}

std::array<Estimate, kDistances> Estimates(const Comparison& comparison,
                                           const IntervalOptions& options) {
  const Sides sides = SidesOf(comparison);
  const Pair counted = sides.AsPair();
  std::array<std::vector<double>, kDistances> drawn;
  if (counted.rows_reference > 0 && counted.rows_current > 0) {
    Draw(sides, options, [&](const Pair& pair) {
      for (size_t i = 0; i < kDistances; ++i) {
        const auto distance = static_cast<Distance>(i);
        drawn[i].push_back(IsMaximum(distance)
                               ? LargestNoise(distance == Distance::kKs, counted, pair)
                               : DistanceOfPair(distance, pair));
      }
    });
  }
  std::array<Estimate, kDistances> estimates;
  for (size_t i = 0; i < kDistances; ++i) {
    const auto distance = static_cast<Distance>(i);
    const double value = DistanceOfPair(distance, counted);
    Estimate estimate = IsMaximum(distance) ? NoiseInterval(value, drawn[i], options.confidence)
                                            : BasicInterval(value, drawn[i], options.confidence);
    estimate.low = std::max(0.0, estimate.low);
    estimate.high = std::max(0.0, estimate.high);
    estimates[i] = estimate;
  }
  return estimates;
}

std::array<double, kNumericBins> BinPositions(const Cuts& cuts, double min, double max, double mean,
                                              double deviation) {
  std::array<double, kNumericBins> positions{};
  for (size_t i = 0; i < kNumericBins; ++i) {
    const double low = i == 0 ? std::min(min, cuts[0]) : cuts[i - 1];
    const double high = i == kCuts ? std::max(max, cuts[kCuts - 1]) : cuts[i];
    positions[i] = ((low + high) / 2 - mean) / deviation;
  }
  return positions;
}

Estimate MeanShift(const Comparison& comparison, const IntervalOptions& options) {
  const Sides sides = SidesOf(comparison);
  const double value = Shift(sides.AsPair());
  std::vector<double> drawn;
  Draw(sides, options, [&drawn](const Pair& pair) { drawn.push_back(Shift(pair)); });
  return BasicInterval(value, drawn, options.confidence);
}

}  // namespace kedge::stats
