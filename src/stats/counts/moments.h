// Sums of a feature in fixed point, so that they merge exactly.
//
// Floating-point sums depend on the order of addition; two engines would disagree in the last bits.
// So a value is first written as an integer in units of 1/256 of the baseline's deviation from its
// mean, and integers are added. The unit is coarse for one value and fine for a mean: the rounding
// of n values adds less than 0.0012 / sqrt(n) deviations.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace kedge::stats {

__extension__ using Int128 = __int128;
__extension__ using Uint128 = unsigned __int128;

inline constexpr int32_t kMomentUnit = 256;     // units a deviation
inline constexpr int32_t kMomentMax = 1 << 22;  // values beyond 16,384 deviations count as that

// What one feature's values sum up to. Merging is addition, so any order and grouping of merges
// gives the same bits; the default is its neutral element. Sums cannot overflow below 2^80 values.
struct Moments {
  uint64_t values = 0;  // finite ones
  Int128 sum = 0;
  Uint128 sum_squares = 0;
  int32_t min = kMomentMax;   // as long as values == 0
  int32_t max = -kMomentMax;  // likewise

  // `value`: finite. `per_deviation`: kMomentUnit / deviation of the baseline.
  void Observe(double value, double mean, double per_deviation) {
    ObserveUnits((value - mean) * per_deviation);
  }
  // The same with (value - mean) * per_deviation, which may be infinite.
  void ObserveUnits(double exact) {
    const double scaled =
        std::clamp(exact, -static_cast<double>(kMomentMax), static_cast<double>(kMomentMax));
    const auto units = static_cast<int32_t>(scaled + (scaled < 0 ? -0.5 : 0.5));
    ++values;
    sum += units;
    sum_squares += static_cast<uint64_t>(static_cast<int64_t>(units) * units);
    min = std::min(min, units);
    max = std::max(max, units);
  }

  void Add(const Moments& other) {
    values += other.values;
    sum += other.sum;
    sum_squares += other.sum_squares;
    min = std::min(min, other.min);
    max = std::max(max, other.max);
  }

  // In deviations of the baseline, from its mean; 0 without values.
  double Mean() const {
    if (values == 0) return 0;
    return static_cast<double>(sum) / static_cast<double>(values) / kMomentUnit;
  }
  // Of the population, in deviations of the baseline; 0 without values.
  double Deviation() const {
    if (values == 0) return 0;
    const double mean = static_cast<double>(sum) / static_cast<double>(values);
    const double square = static_cast<double>(sum_squares) / static_cast<double>(values);
    return std::sqrt(std::max(0.0, square - mean * mean)) / kMomentUnit;
  }

  friend bool operator==(const Moments&, const Moments&) = default;
};

}  // namespace kedge::stats
