// Which bin of a numeric feature a value falls into.
//
// A baseline has 15 cut points at its quantiles (evidence/bet_table.h says which), so 16 bins:
//
//   bin 0    x < cut 0
//   bin i    cut i-1 <= x < cut i
//   bin 15   x >= cut 14
//
// The outer bins are open: a sensor that fails upwards, an infinity, all are counted. Cut points of
// a feature that takes few values coincide, and the bins between them stay empty.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <type_traits>

namespace kedge::stats {

inline constexpr size_t kNumericBins = 16;
inline constexpr size_t kCuts = kNumericBins - 1;

// Ascending, finite; equal neighbours are allowed.
using Cuts = std::array<double, kCuts>;

// The number of cuts <= x. Four comparisons, no branch. x must not be NaN. T: double or float.
template <class T>
size_t BinOf(const std::array<T, kCuts>& cuts, std::type_identity_t<T> x) {
  size_t bin = static_cast<size_t>(x >= cuts[7]) * 8;
  bin += static_cast<size_t>(x >= cuts[bin + 3]) * 4;
  bin += static_cast<size_t>(x >= cuts[bin + 1]) * 2;
  return bin + static_cast<size_t>(x >= cuts[bin]);
}

}  // namespace kedge::stats
