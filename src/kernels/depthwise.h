// Depthwise convolution: every channel has a kernel of its own and meets no other channel.
//
// A tile is rows x columns output pixels of one vector of channels. Its kernel stays in registers
// where it fits (9 vectors for 3x3), and each input vector feeds every output pixel and kernel
// position it belongs to, up to six products for a tile of two rows, instead of being loaded once
// for each.
//
//   in, out  blocked by the vector length; the input with the halo that the window reaches
//   weights  [vector of channels][kernel_h][kernel_w][vector length]
//   bias     one float a padded channel
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conv.h"

namespace kedge::kernels {

struct DepthwiseConfig {
  View in, out;
  Window window = {};
  int vector = kVectorFloats;
  Tile tile = {};
  int channel_tasks = 1, pixel_tasks = 1;
};

template <DepthwiseConfig C, class Epilogue, int kRows, int kColumns>
struct DepthwiseTile {
  static constexpr int kN = C.vector;
  using V = Vec<kN>;

  // Adds input row `kY` of the tile to every output row whose window holds it.
  template <int kY>
  static KEDGE_INLINE void AddRow(V (&sum)[kRows][kColumns], const float* in, const V* weights) {
    constexpr Window w = C.window;
    KEDGE_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const int reach = kY - r * w.stride_h;
      if (reach < 0 || reach % w.dilation_h != 0 || reach / w.dilation_h >= w.height) continue;
      KEDGE_UNROLL
      for (int kw = 0; kw < w.width; ++kw) {
        const V k = weights[reach / w.dilation_h * w.width + kw];
        KEDGE_UNROLL
        for (int c = 0; c < kColumns; ++c) {
          sum[r][c] += k * Load<kN>(in + (c * w.stride_w + kw * w.dilation_w) * C.in.pixel);
        }
      }
    }
  }

  template <int kY>
  static KEDGE_INLINE void AddRows(V (&sum)[kRows][kColumns], const float* in, const V* weights) {
    constexpr int kInputRows =
        (kRows - 1) * C.window.stride_h + (C.window.height - 1) * C.window.dilation_h + 1;
    if constexpr (kY < kInputRows) {
      AddRow<kY>(sum, in, weights);
      AddRows<kY + 1>(sum, in + C.in.row, weights);
    }
  }

  static KEDGE_INLINE void Run(const float* in, const V* weights, V bias, float* out) {
    V sum[kRows][kColumns];
    KEDGE_UNROLL
    for (int r = 0; r < kRows; ++r) {
      KEDGE_UNROLL
      for (int c = 0; c < kColumns; ++c) sum[r][c] = bias;
    }
    AddRows<0>(sum, in, weights);
    KEDGE_UNROLL
    for (int r = 0; r < kRows; ++r) {
      KEDGE_UNROLL
      for (int c = 0; c < kColumns; ++c) {
        Store<kN>(out + r * C.out.row + c * C.out.pixel, Epilogue::Apply(sum[r][c]));
      }
    }
  }
};

// One band of kRows output rows of one vector of channels; `in` stands under the first kernel
// position of the first pixel.
template <DepthwiseConfig C, class Epilogue, int kRows>
KEDGE_NOINLINE void DepthwiseBand(const float* in, const float* weights, const float* bias,
                                  float* out) {
  using V = Vec<C.vector>;
  constexpr Window w = C.window;
  constexpr Split columns(C.out.width, C.tile.columns);
  V kernel[w.height * w.width];
  KEDGE_UNROLL
  for (int i = 0; i < w.height * w.width; ++i) kernel[i] = Load<C.vector>(weights + i * C.vector);
  const V b = Load<C.vector>(bias);
  for (int i = 0; i < columns.extra; ++i) {
    DepthwiseTile<C, Epilogue, kRows, columns.base + 1>::Run(in, kernel, b, out);
    in += (columns.base + 1) * w.stride_w * C.in.pixel;
    out += (columns.base + 1) * C.out.pixel;
  }
  for (int i = columns.extra; i < columns.parts; ++i) {
    DepthwiseTile<C, Epilogue, kRows, columns.base>::Run(in, kernel, b, out);
    in += columns.base * w.stride_w * C.in.pixel;
    out += columns.base * C.out.pixel;
  }
}

// The bands [begin, end) of tile.rows output rows, for the vectors [first, last) of one image.
template <DepthwiseConfig C, class Epilogue>
KEDGE_INLINE void DepthwiseBands(const float* in, const float* weights, const float* bias,
                                 float* out, int first, int last, int begin, int end) {
  constexpr Window w = C.window;
  constexpr int kRest = C.out.height % C.tile.rows;
  for (int v = first; v < last; ++v) {
    const float* k = weights + static_cast<ptrdiff_t>(v) * w.height * w.width * C.vector;
    for (int band = begin; band < end; ++band) {
      const int y = band * C.tile.rows;
      const float* from = in + v * C.in.plane - w.pad_left * C.in.pixel +
                          (y * w.stride_h - w.pad_top) * static_cast<ptrdiff_t>(C.in.row);
      float* to = out + v * C.out.plane + static_cast<ptrdiff_t>(y) * C.out.row;
      if constexpr (kRest > 0) {
        if (y + C.tile.rows > C.out.height) {
          DepthwiseBand<C, Epilogue, kRest>(from, k, bias + v * C.vector, to);
          continue;
        }
      }
      if constexpr (C.out.height >= C.tile.rows) {
        DepthwiseBand<C, Epilogue, C.tile.rows>(from, k, bias + v * C.vector, to);
      }
    }
  }
}

// Task `task` of channel_tasks * pixel_tasks.
template <DepthwiseConfig C, class Epilogue>
inline void Depthwise(const float* in, const float* weights, const float* bias, float* out,
                      uint32_t task) {
  constexpr int kBands = (C.out.height + C.tile.rows - 1) / C.tile.rows;
  const Share vectors(C.out.Vectors(C.vector), C.channel_tasks,
                      static_cast<int>(task) / C.pixel_tasks);
  const Share bands(kBands, C.pixel_tasks, static_cast<int>(task) % C.pixel_tasks);
  for (int n = 0; n < C.in.batch; ++n) {
    DepthwiseBands<C, Epilogue>(in + n * C.in.image, weights, bias, out + n * C.out.image,
                                vectors.begin, vectors.end, bands.begin, bands.end);
  }
}

}  // namespace kedge::kernels
