// Convolution of any rank up to three, stride, dilation and grouping, over row-major tensors.
//
// The input has been copied before into planes in which a step of the output is a step of one
// element: padded with zeros, and split into one plane for each phase of the stride. Then every tap
// of the window reads plane `phase` at a constant distance, and pixel q of the output, counted over
// the plane's (padded) width, is
//
//   y[oc][q] = bias[oc] + sum over ic, tap of w[oc][ic][tap] * x[ic][tap_offset[tap] + q]
//
// so rows need no special cases: the few pixels between the end of one row and the start of the
// next are computed and dropped. A transposed convolution is the same over an input spread with
// zeros, with the taps in reverse.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../elementary.h"
#include "tile.h"

namespace kedge::kernels {

struct ConvShape {
  int64_t groups, in_channels, out_channels;  // channels of one group
  int64_t taps;
  int64_t x_batch, x_channel;         // elements between batches and channels of the input planes
  int64_t w_group, w_out, w_in;       // elements between groups and channels of the weights
  int64_t plane_rows, plane_columns;  // of one plane
  int64_t depth, rows, columns;       // of the output
  // Pixels from the first to the last one that counts, over the plane's width.
  constexpr int64_t Pixels() const {
    return ((depth - 1) * plane_rows + rows - 1) * plane_columns + columns;
  }
  constexpr int64_t OutPlane() const { return depth * rows * columns; }
};

// Writes kWidth accumulated pixels from pixel q on to the output's rows, dropping those between
// rows. store(index, value) gets the index within the output plane.
template <ConvShape kShape, class T, class Store>
KEDGE_INLINE void StorePixels(const T* pixels, int64_t count, int64_t q, Store store) {
  constexpr int64_t kColumns = kShape.plane_columns;
  int64_t row = q / kColumns, column = q % kColumns;
  for (int64_t p = 0; p < count;) {
    const int64_t run = count - p < kColumns - column ? count - p : kColumns - column;
    const int64_t plane = row / kShape.plane_rows, in_plane = row % kShape.plane_rows;
    if (in_plane < kShape.rows && plane < kShape.depth) {
      const int64_t valid = kShape.columns - column < run ? kShape.columns - column : run;
      const int64_t at = (plane * kShape.rows + in_plane) * kShape.columns + column;
      for (int64_t i = 0; i < valid; ++i) store(at + i, pixels[p + i]);
    }
    p += run;
    column = 0;
    ++row;
  }
}

// kOut output channels of one group and batch, all pixels. x: the group's first plane; w: the first
// channel's weights; bias may be null; store(channel, index, value).
template <ConvShape kShape, int kOut, int kVectors, class T, class Offsets, class Store>
inline void ConvChannels(const T* x, const T* w, const T* bias, const Offsets& tap_offset,
                         Store store) {
  using Tile = RowTile<T, kVectors>;
  constexpr int64_t kPixels = kShape.Pixels();
  for (int64_t start = 0; start < kPixels; start += Tile::kWidth) {
    // The last tile overlaps the one before, so that nothing behind the planes is read; a plane
    // smaller than a tile is followed by enough others or by slack.
    const bool last = start + Tile::kWidth > kPixels && kPixels >= Tile::kWidth;
    const int64_t q = last ? kPixels - Tile::kWidth : start;
    Tile acc[kOut];
    for (int o = 0; o < kOut; ++o) acc[o].Fill(bias != nullptr ? bias[o] : T(0));
    for (int64_t ic = 0; ic < kShape.in_channels; ++ic) {
      const T* planes = x + ic * kShape.x_channel + q;
      const T* taps = w + ic * kShape.w_in;
      for (int64_t tap = 0; tap < kShape.taps; ++tap) {
        Tile pixels;
        pixels.Load(planes + tap_offset[tap]);
        for (int o = 0; o < kOut; ++o) acc[o].AddProduct(taps[o * kShape.w_out + tap], pixels);
        Fence();
      }
    }
    for (int o = 0; o < kOut; ++o) {
      T pixels[Tile::kWidth];
      acc[o].Store(pixels);
      const int64_t count = kPixels - q < Tile::kWidth ? kPixels - q : Tile::kWidth;
      StorePixels<kShape>(pixels, count, q, [&](int64_t index, T value) KEDGE_LAMBDA_INLINE {
        store(o, index, value);
      });
    }
  }
}

// One unit of work: a block of kRows output channels of one batch and group. Units run over
// batches, then groups, then blocks. finish(channel over all groups and batches, index, value)
// gives what is stored.
template <ConvShape kShape, int kRows, int kVectors, class T, class Offsets, class Finish>
inline void ConvUnit(int64_t unit, const T* x, const T* w, const T* bias, T* y,
                     const Offsets& tap_offset, Finish finish) {
  constexpr int64_t kBlocks = (kShape.out_channels + kRows - 1) / kRows;
  const int64_t block = unit % kBlocks, group = unit / kBlocks % kShape.groups;
  const int64_t batch = unit / (kBlocks * kShape.groups);
  const int64_t first = block * kRows;
  const int64_t channel = group * kShape.out_channels + first;
  const T* planes = x + batch * kShape.x_batch + group * kShape.in_channels * kShape.x_channel;
  const T* weights = w + group * kShape.w_group + first * kShape.w_out;
  const T* biases = bias != nullptr ? bias + channel : nullptr;
  const int64_t out = (batch * kShape.groups * kShape.out_channels + channel) * kShape.OutPlane();
  auto store = [&](int64_t o, int64_t index, T value) KEDGE_LAMBDA_INLINE {
    const int64_t at = out + o * kShape.OutPlane() + index;
    y[at] = finish(at, value);
  };
  constexpr int kRest = static_cast<int>(kShape.out_channels % kRows);
  if (kRest == 0 || first + kRows <= kShape.out_channels) {
    ConvChannels<kShape, kRows, kVectors>(planes, weights, biases, tap_offset, store);
  } else {
    ConvChannels<kShape, kRest == 0 ? 1 : kRest, kVectors>(planes, weights, biases, tap_offset,
                                                           store);
  }
}

}  // namespace kedge::kernels
