// A block of bins as bits: internal to the report's writer and reader.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "stats/counts/bins.h"

namespace kedge::stats {

inline constexpr std::array<uint32_t, kNumericBins> kExpectedPerMille = {
    1, 9, 30, 60, 100, 120, 100, 80, 80, 100, 120, 100, 60, 30, 9, 1};
inline constexpr uint32_t kShifts = 8;
inline constexpr uint64_t kRiceOnesMax = 40;

// Of a block whose bins sum up to `sum`.
struct Expectation {
  uint64_t sum = 0;
  std::array<uint32_t, kCuts> count{};
  std::array<uint8_t, kCuts> digits_half{};

  explicit Expectation(uint64_t of) : sum(of) {
    for (size_t i = 0; i < kCuts; ++i) {
      count[i] = static_cast<uint32_t>(of * kExpectedPerMille[i] / 1000);
      digits_half[i] = static_cast<uint8_t>(std::bit_width(count[i]) / 2);
    }
  }
  uint32_t RiceBits(size_t bin, uint32_t shift) const {
    const uint32_t bits = digits_half[bin] + shift;
    return bits == 0 ? 0 : bits - 1;
  }
};

}  // namespace kedge::stats
