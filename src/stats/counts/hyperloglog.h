// How many distinct values a stream has, in 1 KiB: to tell an identifier from a category.
//
// HyperLogLog (Flajolet, Fusy, Gandouet, Meunier 2007) with 1,024 registers: the standard error is
// 1.04 / sqrt(1024) = 3.25 %. Small numbers are estimated by linear counting of empty registers.
// The union of two is the larger of each register, so merging is exact, associative, commutative
// and idempotent.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <string_view>

namespace kedge::stats {

inline constexpr uint32_t kRegistersLog2 = 10;
inline constexpr size_t kRegisters = size_t{1} << kRegistersLog2;

class HyperLogLog {
 public:
  // `hash`: 64 well mixed bits of the value, such as HashOf.
  void Add(uint64_t hash) {
    uint8_t& place = registers_[hash >> (64 - kRegistersLog2)];
    const uint64_t rest = (hash << kRegistersLog2) | (uint64_t{1} << (kRegistersLog2 - 1));
    place = std::max(place, static_cast<uint8_t>(std::countl_zero(rest) + 1));
  }
  void Merge(const HyperLogLog& other) {
    for (size_t i = 0; i < kRegisters; ++i)
      registers_[i] = std::max(registers_[i], other.registers_[i]);
  }
  double Estimate() const {
    constexpr double kCount = kRegisters;
    double sum = 0;
    size_t empty = 0;
    for (const uint8_t value : registers_) {
      sum += std::ldexp(1.0, -value);
      empty += value == 0 ? 1 : 0;
    }
    const double raw = 0.7213 / (1 + 1.079 / kCount) * kCount * kCount / sum;
    if (raw > 2.5 * kCount || empty == 0) return raw;
    return kCount * std::log(kCount / static_cast<double>(empty));
  }

  friend bool operator==(const HyperLogLog&, const HyperLogLog&) = default;

 private:
  std::array<uint8_t, kRegisters> registers_{};
};

// FNV-1a with a final mix (that of SplitMix64).
inline uint64_t HashOf(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111eb;
  return hash ^ (hash >> 31);
}

}  // namespace kedge::stats
