// Where the elements of an activation tensor lie in memory.
//
// A view describes every layout by four strides and a block: channel `c` of pixel (y, x) of image
// `n` stands
//     n * image + (c / block) * plane + y * row + x * pixel + c % block
// floats after the first element of the interior. The three layouts in use:
//
//   planar         NCHW     block = 1          pixel = 1          as the user gives and gets it
//   blocked        NCHWc    block = vector     pixel = vector     inside a chain of convolutions
//   channels last  NHWC     block = channels   pixel = channels   matrices: rows are pixels
//
// A kernel is given the address of the interior's first element. A blocked tensor may have a halo:
// room round the interior (row > width * pixel) that its neediest consumer asked for and that
// FillHalo (reorder.h) sets, so that no kernel ever branches on a border. Its channels are padded
// to whole blocks; what stands in the padding is written but never flows into a real channel,
// because reductions over channels run over the real ones only and everything else is lane by lane.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vector.h"

namespace kedge::kernels {

struct View {
  int channels = 0, height = 0, width = 0;
  int block = 1;
  int pixel = 1;        // floats from a pixel to its right neighbour
  int row = 0;          // floats from a pixel to the one below
  ptrdiff_t plane = 0;  // floats from one block of channels to the next
  int batch = 1;
  ptrdiff_t image = 0;  // floats from one image to the next

  constexpr ptrdiff_t At(int c, int y, int x) const {
    return (c / block) * plane + static_cast<ptrdiff_t>(y) * row +
           static_cast<ptrdiff_t>(x) * pixel + c % block;
  }
  constexpr bool IsPlanar() const { return block == 1; }
  // Vectors of N floats that cover the channels.
  constexpr int Vectors(int n) const { return (channels + n - 1) / n; }
};

// Writes the `Count` real channels of vector `v` that begins at channel `c`, at `p` = the address
// of channel c. A blocked view whose blocks are vectors takes whole vectors, padding included.
template <int N, View kView, int Count>
KEDGE_INLINE void StoreChannels(float* p, Vec<N> v) {
  if constexpr (kView.block == N) {
    Store<N>(p, v);
  } else if constexpr (kView.block == 1) {
    KEDGE_UNROLL
    for (int i = 0; i < Count; ++i) p[i * kView.plane] = v[i];
  } else {
    StoreFirst<N, Count>(p, v);
  }
}

template <int N, View kView, int Count>
KEDGE_INLINE Vec<N> LoadChannels(const float* p) {
  if constexpr (kView.block == N) {
    return Load<N>(p);
  } else if constexpr (kView.block == 1) {
    Vec<N> v = (Vec<N>)0.0f;
    KEDGE_UNROLL
    for (int i = 0; i < Count; ++i) v[i] = p[i * kView.plane];
    return v;
  } else {
    return LoadFirst<N, Count>(p);
  }
}

}  // namespace kedge::kernels
