// Packs weights at compile time into the order in which the fast kernels read them, so that a
// device maps weights.bin and starts.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace kedge::compiler {

// The order of a dense convolution's weights (kernels/conv.h): for each group of the convolution
// and each group of vectors
//   [input channel block][kernel position][channel in block][vectors * vector floats].
// Output channels above the real ones are zero.
struct ConvPacking {
  int64_t groups = 1;
  int64_t out_channels = 1;  // of one group
  int64_t in_channels = 1;   // of one group
  int64_t positions = 1;     // kernel height * width
  int64_t block = 1;         // of the input's channels
  int64_t vector = 1;        // floats
  int64_t tile_vectors = 1;  // the most vectors in a group of vectors
  // Strides of the source, in floats. A convolution's weight [out][in][kh][kw] has position 1; a
  // matrix [in][out] has out 1.
  int64_t out_stride = 1, in_stride = 1, position_stride = 1, group_stride = 0;
  float scale = 1;

  int64_t Vectors() const { return (out_channels + vector - 1) / vector; }
  int64_t Floats() const { return groups * Vectors() * vector * in_channels * positions; }
  int64_t BiasFloats() const { return groups * Vectors() * vector; }
};
void PackConvWeights(const ConvPacking& packing, std::span<const float> source,
                     std::span<float> to);
// Bias of a dense convolution: zero if `source` is empty; one element stands for all.
void PackConvBias(const ConvPacking& packing, std::span<const float> source, float scale,
                  std::span<float> to);

// [channels][positions] to [vector of channels][positions][vector floats], zero above the channels
// (kernels/depthwise.h).
void PackDepthwiseWeights(int64_t channels, int64_t positions, int64_t vector,
                          std::span<const float> source, std::span<float> to);

// Kernels of 3x3 transformed for Winograd's F(size, 3): G g G^T, computed in double, as
// [group of vectors][position][input channel][vectors * vector floats] (kernels/winograd.h).
struct WinogradPacking {
  int64_t out_channels = 1, in_channels = 1;
  int64_t size = 4;  // 2 or 4
  int64_t vector = 1;
  int64_t group_vectors = 1;  // the most vectors in a group

  int64_t Positions() const { return (size + 2) * (size + 2); }
  int64_t Vectors() const { return (out_channels + vector - 1) / vector; }
  int64_t Floats() const { return Positions() * in_channels * Vectors() * vector; }
};
// `source` is [out][in][3][3].
void PackWinogradWeights(const WinogradPacking& packing, std::span<const float> source,
                         std::span<float> to);

}  // namespace kedge::compiler
