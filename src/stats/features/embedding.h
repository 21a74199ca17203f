// An embedding as a few numbers: its length, its shadow on 16 random directions, and how far it is
// from anything seen before.
//
// Projections on random +-1 vectors keep distances (Achlioptas, "Database-friendly random
// projections", 2003), so a cluster that moves or appears moves some of them; a baseline names the
// seed, so every device has the same directions.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace kedge::stats {

inline constexpr size_t kDirections = 16;
inline constexpr size_t kPrototypesMax = 64;
inline constexpr int64_t kDimensionsMax = 8192;

class EmbeddingDirections {
 public:
  EmbeddingDirections(size_t dimensions, uint64_t seed);

  // The 16 projections of `embedding`, divided by the root of its dimensions.
  void Project(std::span<const float> embedding, std::array<float, kDirections>& out) const;
  size_t MemoryBytes() const { return signs_.capacity() * sizeof signs_[0]; }

 private:
  std::vector<uint16_t> signs_;  // bit j of entry d: direction j is negative there
};

double Norm(std::span<const float> embedding);
// Euclidean distance to the nearest of the prototypes, one or more.
double NearestPrototype(std::span<const float> embedding,
                        std::span<const std::vector<float>> prototypes);

}  // namespace kedge::stats
