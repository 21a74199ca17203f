// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/pack.h"

#include <gtest/gtest.h>
#include <numeric>
#include <vector>

namespace kedge::compiler {
namespace {

std::vector<float> Counting(size_t count) {
  std::vector<float> floats(count);
  std::iota(floats.begin(), floats.end(), 1.0f);
  return floats;
}

TEST(Pack, ConvolutionGoesChannelByChannelWithOutputsInnermost) {
  // 3 outputs, 3 inputs, 1x2 kernel; blocks of 2 inputs, vectors of 2, one vector at a time.
  const ConvPacking packing{.out_channels = 3,
                            .in_channels = 3,
                            .positions = 2,
                            .block = 2,
                            .vector = 2,
                            .tile_vectors = 1,
                            .out_stride = 6,
                            .in_stride = 2,
                            .position_stride = 1};
  std::vector<float> packed(static_cast<size_t>(packing.Floats()));
  PackConvWeights(packing, Counting(18), packed);
  const std::vector<float> want = {
      1,  7, 3,  9, 2,  8, 4,  10, 5,  11, 6,  12,  // outputs 0 and 1: block, position, channel
      13, 0, 15, 0, 14, 0, 16, 0,  17, 0,  18, 0};  // output 2, and padding
  EXPECT_EQ(packed, want);
}

TEST(Pack, MatrixMayBeStoredEitherWay) {
  const std::vector<float> rows = Counting(6);            // [in 2][out 3]
  const std::vector<float> columns = {1, 4, 2, 5, 3, 6};  // [out 3][in 2], the same matrix
  ConvPacking packing{.out_channels = 3, .in_channels = 2, .block = 2, .vector = 4};
  packing.out_stride = 1;
  packing.in_stride = 3;
  packing.scale = 2;
  std::vector<float> a(8), b(8);
  PackConvWeights(packing, rows, a);
  packing.out_stride = 2;
  packing.in_stride = 1;
  PackConvWeights(packing, columns, b);
  EXPECT_EQ(a, b);
  EXPECT_EQ(a, (std::vector<float>{2, 4, 6, 0, 8, 10, 12, 0}));
}

TEST(Pack, GroupsOfVectorsAreAsEvenAsTheKernelExpects) {
  // 5 vectors by at most 3: 3 + 2, so the second group begins after 3 vectors of steps.
  const ConvPacking packing{.out_channels = 5,
                            .in_channels = 2,
                            .block = 2,
                            .vector = 1,
                            .tile_vectors = 3,
                            .out_stride = 2,
                            .in_stride = 1};
  std::vector<float> packed(10);
  PackConvWeights(packing, Counting(10), packed);
  EXPECT_EQ(packed, (std::vector<float>{1, 3, 5, 2, 4, 6, 7, 9, 8, 10}));
}

TEST(Pack, BiasIsPaddedAGroupAndOneNumberStandsForAll) {
  const ConvPacking packing{.groups = 2, .out_channels = 3, .vector = 4};
  std::vector<float> bias(8);
  PackConvBias(packing, Counting(6), 1, bias);
  EXPECT_EQ(bias, (std::vector<float>{1, 2, 3, 0, 4, 5, 6, 0}));
  PackConvBias(packing, std::vector<float>{2}, 0.5f, bias);
  EXPECT_EQ(bias, (std::vector<float>{1, 1, 1, 0, 1, 1, 1, 0}));
  PackConvBias(packing, {}, 1, bias);
  EXPECT_EQ(bias, std::vector<float>(8, 0.0f));
}

TEST(Pack, WinogradKeepsTheSumOfTheKernelInItsMiddle) {
  // Rows of G sum to 1, 1.5, 0.5 and 1 for size 2, so a kernel of ones gives their products.
  const WinogradPacking packing{.out_channels = 1, .in_channels = 1, .size = 2, .vector = 2};
  std::vector<float> packed(static_cast<size_t>(packing.Floats()));
  PackWinogradWeights(packing, std::vector<float>(9, 1.0f), packed);
  const float sums[] = {1, 1.5f, 0.5f, 1};
  for (size_t k = 0; k < 16; ++k) {
    EXPECT_EQ(packed[2 * k], sums[k / 4] * sums[k % 4]) << "position " << k;
    EXPECT_EQ(packed[2 * k + 1], 0) << "padding of position " << k;
  }
}

TEST(Pack, DepthwisePutsChannelsInnermost) {
  std::vector<float> packed(8);
  PackDepthwiseWeights(3, 2, 2, Counting(6), packed);
  EXPECT_EQ(packed, (std::vector<float>{1, 3, 2, 4, 5, 0, 6, 0}));
}

}  // namespace
}  // namespace kedge::compiler
