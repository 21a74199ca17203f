// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/pack.h"

#include <algorithm>

#include "base/check.h"

namespace kedge::compiler {
namespace {

// One step of the reduction: the weights of output channels [first, first + count) from `source`
// on.
float* PackStep(const ConvPacking& p, const float* source, int64_t first, int64_t count,
                float* to) {
  const int64_t real = std::clamp<int64_t>(p.out_channels - first, 0, count);
  for (int64_t i = 0; i < real; ++i) to[i] = source[(first + i) * p.out_stride] * p.scale;
  std::fill(to + real, to + count, 0.0f);
  return to + count;
}

float* PackVectors(const ConvPacking& p, const float* source, int64_t first, int64_t count,
                   float* to) {
  for (int64_t block = 0; block < p.in_channels; block += p.block) {
    const int64_t end = std::min(block + p.block, p.in_channels);
    for (int64_t k = 0; k < p.positions; ++k) {
      for (int64_t c = block; c < end; ++c) {
        to = PackStep(p, source + c * p.in_stride + k * p.position_stride, first, count, to);
      }
    }
  }
  return to;
}

}  // namespace

void PackConvWeights(const ConvPacking& p, std::span<const float> source, std::span<float> to) {
  KEDGE_CHECK(static_cast<int64_t>(to.size()) == p.Floats());
  float* at = to.data();
  // As kernels::Split does it: the first `extra` groups of vectors hold one more.
  const int64_t parts = (p.Vectors() + p.tile_vectors - 1) / p.tile_vectors;
  const int64_t base = p.Vectors() / parts, extra = p.Vectors() % parts;
  for (int64_t g = 0; g < p.groups; ++g) {
    int64_t first = 0;
    for (int64_t part = 0; part < parts; ++part) {
      const int64_t count = (base + (part < extra ? 1 : 0)) * p.vector;
      at = PackVectors(p, source.data() + g * p.group_stride, first, count, at);
      first += count;
    }
  }
}

void PackConvBias(const ConvPacking& p, std::span<const float> source, float scale,
                  std::span<float> to) {
  KEDGE_CHECK(static_cast<int64_t>(to.size()) == p.BiasFloats());
  std::fill(to.begin(), to.end(), 0.0f);
  if (source.empty()) return;
  const int64_t padded = p.Vectors() * p.vector;
  for (int64_t o = 0; o < p.groups * p.out_channels; ++o) {
    const int64_t at = o / p.out_channels * padded + o % p.out_channels;
    to[static_cast<size_t>(at)] = source[source.size() == 1 ? 0 : static_cast<size_t>(o)] * scale;
  }
}

void PackDepthwiseWeights(int64_t channels, int64_t positions, int64_t vector,
                          std::span<const float> source, std::span<float> to) {
  std::fill(to.begin(), to.end(), 0.0f);
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t k = 0; k < positions; ++k) {
      to[static_cast<size_t>((c / vector * positions + k) * vector + c % vector)] =
          source[static_cast<size_t>(c * positions + k)];
    }
  }
}

}  // namespace kedge::compiler
