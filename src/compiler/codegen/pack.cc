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

namespace {

// G of F(2, 3) and of F(4, 3) for the points 0, +-1, +-2 and infinity (Lavin, Gray, 2016).
constexpr double kTransform2[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
constexpr double kTransform4[6][3] = {{1.0 / 4, 0, 0},
                                      {-1.0 / 6, -1.0 / 6, -1.0 / 6},
                                      {-1.0 / 6, 1.0 / 6, -1.0 / 6},
                                      {1.0 / 24, 1.0 / 12, 1.0 / 6},
                                      {1.0 / 24, -1.0 / 12, 1.0 / 6},
                                      {0, 0, 1}};

// G g G^T of one kernel, row-major.
void TransformKernel(const float* g, int64_t size, double* to) {
  const auto* m = size == 2 ? kTransform2 : kTransform4;
  for (int64_t y = 0; y < size + 2; ++y) {
    double rows[3];
    for (int x = 0; x < 3; ++x) {
      rows[x] = m[y][0] * static_cast<double>(g[x]) + m[y][1] * static_cast<double>(g[3 + x]) +
                m[y][2] * static_cast<double>(g[6 + x]);
    }
    for (int64_t x = 0; x < size + 2; ++x) {
      *to++ = rows[0] * m[x][0] + rows[1] * m[x][1] + rows[2] * m[x][2];
    }
  }
}

}  // namespace

void PackWinogradWeights(const WinogradPacking& p, std::span<const float> source,
                         std::span<float> to) {
  KEDGE_CHECK(static_cast<int64_t>(to.size()) == p.Floats());
  KEDGE_CHECK(p.size == 2 || p.size == 4);
  std::fill(to.begin(), to.end(), 0.0f);
  const int64_t parts = (p.Vectors() + p.group_vectors - 1) / p.group_vectors;
  const int64_t base = p.Vectors() / parts, extra = p.Vectors() % parts;
  int64_t first = 0;
  for (int64_t part = 0; part < parts; ++part) {
    const int64_t count = (base + (part < extra ? 1 : 0)) * p.vector;
    float* group = to.data() + first * p.in_channels * p.Positions();
    for (int64_t o = first; o < std::min(first + count, p.out_channels); ++o) {
      for (int64_t i = 0; i < p.in_channels; ++i) {
        double kernel[36];
        TransformKernel(&source[static_cast<size_t>((o * p.in_channels + i) * 9)], p.size, kernel);
        for (int64_t k = 0; k < p.Positions(); ++k) {
          group[(k * p.in_channels + i) * count + o - first] = static_cast<float>(kernel[k]);
        }
      }
    }
    first += count;
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
