// SPDX-License-Identifier: Apache-2.0
#include "stats/features/embedding.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace kedge::stats {
namespace {

uint64_t SplitMix(uint64_t& state) {  // Steele, Lea, Flood 2014
  uint64_t z = (state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// In eight sums side by side, so that the order of additions, and with it the result, is the same
// whether or not the compiler makes vector code of it.
template <class Term>
double SumOfTerms(size_t count, const Term& term) {
  std::array<float, 8> sums{};
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    for (size_t k = 0; k < 8; ++k) sums[k] += term(i + k);
  }
  for (; i < count; ++i) sums[i % 8] += term(i);
  float total = 0;
  for (const float sum : sums) total += sum;
  return static_cast<double>(total);
}

}  // namespace

EmbeddingDirections::EmbeddingDirections(size_t dimensions, uint64_t seed) : signs_(dimensions) {
  for (uint16_t& signs : signs_) signs = static_cast<uint16_t>(SplitMix(seed));
}

void EmbeddingDirections::Project(std::span<const float> embedding,
                                  std::array<float, kDirections>& out) const {
  std::array<float, kDirections> sums{};
  for (size_t d = 0; d < signs_.size(); ++d) {
    const auto bits = std::bit_cast<uint32_t>(embedding[d]);
    const uint32_t signs = signs_[d];
    for (size_t j = 0; j < kDirections; ++j) {
      const uint32_t flip = (signs << (31 - j)) & 0x80000000u;
      sums[j] += std::bit_cast<float>(bits ^ flip);
    }
  }
  const float scale = 1 / std::sqrt(static_cast<float>(signs_.size()));
  for (size_t j = 0; j < kDirections; ++j) out[j] = sums[j] * scale;
}

double Norm(std::span<const float> embedding) {
  return std::sqrt(
      SumOfTerms(embedding.size(), [&](size_t i) { return embedding[i] * embedding[i]; }));
}

double NearestPrototype(std::span<const float> embedding,
                        std::span<const std::vector<float>> prototypes) {
  double nearest = std::numeric_limits<double>::infinity();
  for (const std::vector<float>& prototype : prototypes) {
    const double squares = SumOfTerms(embedding.size(), [&](size_t i) {
      const float d = embedding[i] - prototype[i];
      return d * d;
    });
    if (std::isnan(squares)) return squares;
    nearest = std::min(nearest, squares);
  }
  return std::sqrt(nearest);
}

}  // namespace kedge::stats
