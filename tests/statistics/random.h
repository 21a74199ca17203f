// Seeded random numbers for simulations: the same on every machine, unlike <random>'s
// distributions. xoshiro256++ (Blackman and Vigna, public domain algorithm), seeded by splitmix64.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

namespace kedge::statistics {

class Random {
 public:
  explicit Random(uint64_t seed) {
    for (uint64_t& word : state_) {
      seed += 0x9e3779b97f4a7c15;
      uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
      z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
      word = z ^ (z >> 31);
    }
  }

  uint64_t Next() {
    const uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // In [0, 1).
  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

  // In 0..n-1; n below 2^32.
  int Below(int n) { return static_cast<int>(((Next() >> 32) * static_cast<uint64_t>(n)) >> 32); }

  // Standard normal, by Marsaglia's polar method.
  double Normal() {
    if (has_spare_) {
      has_spare_ = false;
      return spare_;
    }
    double u, v, s;
    do {
      u = 2 * Uniform() - 1;
      v = 2 * Uniform() - 1;
      s = u * u + v * v;
    } while (s >= 1 || s == 0);
    const double scale = std::sqrt(-2 * std::log(s) / s);
    spare_ = v * scale;
    has_spare_ = true;
    return u * scale;
  }

 private:
  std::array<uint64_t, 4> state_{};
  double spare_ = 0;
  bool has_spare_ = false;
};

// Draws 0..n-1, n <= 64, from fixed probabilities in constant time (Walker's alias method). One
// draw uses 32 bits.
class Alias {
 public:
  explicit Alias(std::span<const double> probabilities);

  int Draw(uint32_t bits) const {
    const uint64_t scaled = static_cast<uint64_t>(bits) * size_;
    const auto slot = static_cast<uint32_t>(scaled >> 32);
    return static_cast<uint32_t>(scaled) < slots_[slot].keep ? static_cast<int>(slot)
                                                             : slots_[slot].other;
  }

 private:
  struct Slot {
    uint32_t keep;
    int other;
  };
  std::vector<Slot> slots_;
  uint64_t size_;
};

}  // namespace kedge::statistics
