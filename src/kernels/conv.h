// Dense convolution, and with it everything that is one: pointwise convolution, matrix product with
// constant weights (rows are pixels, columns are channels, layout channels last) and the fully
// connected layer (one pixel).
//
// A tile of rows x columns output pixels by `vectors` vectors of output channels stays in registers
// over the whole reduction, so that partial sums never touch memory. One step of the reduction
// takes one input channel at one kernel position: it loads `vectors` vectors of weights, and for
// every pixel broadcasts one input float and multiplies and adds. All shapes are template
// arguments, so a pixel's address is a constant displacement.
//
//   weights  [group of vectors][input channel block][kernel_h][kernel_w][channel in block]
//            [vectors * vector length], the order in which the steps read them; a group has
//            Split(vectors, tile.vectors) vectors. See compiler/codegen/pack.h.
//   bias     one float a padded output channel
//   reads    the input's interior and, where the kernel reaches over the border, its halo
//
// Grouped convolution runs this kernel once a group, each with its own slice of the channels;
// groups must begin at whole blocks (the compiler sees to it, or takes another path).
//
// Source: the register blocking is that of every good CPU convolution, e.g. Georganas et al.,
// "Anatomy of high-performance deep learning convolutions on SIMD architectures", SC 2018.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "view.h"

namespace kedge::kernels {

// One spatial window, shared by convolutions and pools.
struct Window {
  int height = 1, width = 1;
  int stride_h = 1, stride_w = 1;
  int dilation_h = 1, dilation_w = 1;
  int pad_top = 0, pad_left = 0;
};

struct Tile {
  int rows = 1, columns = 1, vectors = 1;
};

struct ConvConfig {
  View in, out;
  View addend = {};  // a tensor of the output's shape added before the epilogue; channels 0: none
  Window window = {};
  int groups = 1;
  int vector = kVectorFloats;
  Tile tile = {};
  bool prefetch = false;  // the weight panel of a group of vectors outgrows the first cache
  int channel_tasks = 1, pixel_tasks = 1;
};

// What one group of a convolution is made of, derived from its configuration.
template <ConvConfig C>
struct ConvShape {
  static constexpr int kIn = C.in.channels / C.groups;
  static constexpr int kOut = C.out.channels / C.groups;
  static constexpr int kVectors = (kOut + C.vector - 1) / C.vector;
  static constexpr int kSteps = kIn * C.window.height * C.window.width;
  static constexpr Split kVectorSplit = Split(kVectors, C.tile.vectors);
  static constexpr Split kColumnSplit = Split(C.out.width, C.tile.columns);
  static constexpr int kRowTiles = (C.out.height + C.tile.rows - 1) / C.tile.rows;
  static constexpr int kRowRest = C.out.height % C.tile.rows;
  static constexpr bool kHasAddend = C.addend.channels > 0;
};

struct ConvOperands {
  const float* in;
  const float* weights;
  const float* bias;
  const float* addend;
  float* out;
};

// How far ahead of its use a step's weights are fetched.
constexpr int kPrefetchSteps = 24;
constexpr int kCacheLineFloats = 16;

// One tile. The operands point at the tile: `in` at the input element under the kernel's first
// position for the first output pixel, the others at the first output channel of the first pixel.
template <ConvConfig C, class Epilogue, int kRows, int kColumns, int kVectors, bool kLast>
struct ConvTile {
  static constexpr int kN = C.vector;
  static constexpr int kPixels = kRows * kColumns;
  using V = Vec<kN>;
  using Shape = ConvShape<C>;
  V sum[kPixels][kVectors];

  static constexpr ptrdiff_t InputAt(int pixel) {
    return static_cast<ptrdiff_t>(pixel / kColumns) * C.window.stride_h * C.in.row +
           static_cast<ptrdiff_t>(pixel % kColumns) * C.window.stride_w * C.in.pixel;
  }
  static constexpr ptrdiff_t OutputAt(const View& view, int pixel, int vector) {
    return view.At(vector * kN, pixel / kColumns, pixel % kColumns);
  }

  KEDGE_INLINE void Step(const float* in, const float* weights) {
    V w[kVectors];
    KEDGE_UNROLL
    for (int v = 0; v < kVectors; ++v) w[v] = Load<kN>(weights + v * kN);
    if constexpr (C.prefetch) {
      KEDGE_UNROLL
      for (int v = 0; v < kVectors; v += kCacheLineFloats / kN) {
        Prefetch(weights + (kPrefetchSteps * kVectors + v) * kN);
      }
    }
    KEDGE_UNROLL
    for (int p = 0; p < kPixels; ++p) {
      const V x = (V)in[InputAt(p)];
      KEDGE_UNROLL
      for (int v = 0; v < kVectors; ++v) sum[p][v] += x * w[v];
    }
    Fence();
  }

  // The steps of `kChannels` adjacent channels over all kernel positions.
  template <int kChannels>
  KEDGE_INLINE const float* Positions(const float* in, const float* weights) {
    for (int kh = 0; kh < C.window.height; ++kh) {
      const float* row = in + static_cast<ptrdiff_t>(kh) * C.window.dilation_h * C.in.row;
      for (int kw = 0; kw < C.window.width; ++kw) {
        const float* at = row + kw * C.window.dilation_w * C.in.pixel;
        _Pragma("clang loop unroll_count(2)") for (int c = 0; c < kChannels; ++c) {
          Step(at + c, weights);
          weights += kVectors * kN;
        }
      }
    }
    return weights;
  }

  KEDGE_INLINE void Reduce(const float* in, const float* weights) {
    constexpr int kBlocks = Shape::kIn / C.in.block;
    constexpr int kRest = Shape::kIn % C.in.block;
    for (int b = 0; b < kBlocks; ++b) {
      weights = Positions<C.in.block>(in, weights);
      in += C.in.plane;
    }
    if constexpr (kRest > 0) Positions<kRest>(in, weights);
  }

  KEDGE_INLINE void Begin(const float* bias) {
    KEDGE_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      const V b = Load<kN>(bias + v * kN);
      KEDGE_UNROLL
      for (int p = 0; p < kPixels; ++p) sum[p][v] = b;
    }
  }

  KEDGE_INLINE void End(const float* addend, float* out) {
    constexpr int kTail = Shape::kOut % kN == 0 ? kN : Shape::kOut % kN;
    KEDGE_UNROLL
    for (int p = 0; p < kPixels; ++p) {
      KEDGE_UNROLL
      for (int v = 0; v < kVectors; ++v) {
        // Both are constants once unrolled; only the last vector may be partial.
        if (kLast && v == kVectors - 1) {
          Finish<kTail>(sum[p][v], addend + OutputAt(C.addend, p, v), out + OutputAt(C.out, p, v));
        } else {
          Finish<kN>(sum[p][v], addend + OutputAt(C.addend, p, v), out + OutputAt(C.out, p, v));
        }
      }
    }
  }

  template <int kCount>
  static KEDGE_INLINE void Finish(V x, const float* addend, float* out) {
    if constexpr (Shape::kHasAddend) x += LoadChannels<kN, C.addend, kCount>(addend);
    StoreChannels<kN, C.out, kCount>(out, Epilogue::Apply(x));
  }

  static KEDGE_NOINLINE void Run(const ConvOperands& at) {
    ConvTile tile;
    tile.Begin(at.bias);
    tile.Reduce(at.in, at.weights);
    tile.End(at.addend, at.out);
  }
};

// One group of vectors over the tiles [begin, end) of the image, row by row.
template <ConvConfig C, class Epilogue, int kVectors, bool kLast>
KEDGE_INLINE void ConvPixels(const ConvOperands& at, int begin, int end) {
  using Shape = ConvShape<C>;
  constexpr Split columns = Shape::kColumnSplit;
  for (int t = begin; t < end; ++t) {
    const int y = t / columns.parts * C.tile.rows;
    const int part = t % columns.parts;
    const int x = columns.Begin(part);
    const bool wide = part < columns.extra;
    ConvOperands tile = at;
    tile.in += (y * C.window.stride_h - C.window.pad_top) * static_cast<ptrdiff_t>(C.in.row) +
               (x * C.window.stride_w - C.window.pad_left) * static_cast<ptrdiff_t>(C.in.pixel);
    tile.out += C.out.At(0, y, x);
    if constexpr (Shape::kHasAddend) tile.addend += C.addend.At(0, y, x);
    auto run = [&]<int kRows>() {
      if constexpr (columns.extra > 0) {
        if (wide) {
          return ConvTile<C, Epilogue, kRows, columns.base + 1, kVectors, kLast>::Run(tile);
        }
      }
      return ConvTile<C, Epilogue, kRows, columns.base, kVectors, kLast>::Run(tile);
    };
    if constexpr (Shape::kRowRest > 0) {
      if (y + C.tile.rows > C.out.height) {
        run.template operator()<Shape::kRowRest>();
        continue;
      }
    }
    if constexpr (C.out.height >= C.tile.rows) run.template operator()<C.tile.rows>();
  }
}

// The tiles [begin, end) of one image and one group of the convolution, for the groups of vectors
// [first, last). Tiles are counted row by row: a row of tiles has ConvShape::kColumnSplit.parts.
template <ConvConfig C, class Epilogue>
KEDGE_INLINE void ConvTiles(const ConvOperands& at, int first, int last, int begin, int end) {
  using Shape = ConvShape<C>;
  constexpr Split vectors = Shape::kVectorSplit;
  constexpr int kN = C.vector;
  for (int part = first; part < last; ++part) {
    const int v = vectors.Begin(part);
    ConvOperands group = at;
    group.weights += static_cast<ptrdiff_t>(v) * kN * Shape::kSteps;
    group.bias += v * kN;
    group.out += C.out.At(v * kN, 0, 0);
    if constexpr (Shape::kHasAddend) group.addend += C.addend.At(v * kN, 0, 0);
    // The last group is an instantiation of its own only where its last vector is partial.
    constexpr bool kPartial = Shape::kOut % kN != 0 && C.out.block != kN;
    if constexpr (kPartial) {
      if (part == vectors.parts - 1) {
        ConvPixels<C, Epilogue, vectors.base, true>(group, begin, end);
        continue;
      }
    }
    if constexpr (vectors.extra > 0) {
      if (part < vectors.extra) {
        ConvPixels<C, Epilogue, vectors.base + 1, false>(group, begin, end);
        continue;
      }
    }
    if constexpr (vectors.parts > vectors.extra) {
      ConvPixels<C, Epilogue, vectors.base, false>(group, begin, end);
    }
  }
}

// Task `task` of channel_tasks * pixel_tasks. Tasks write disjoint parts of the output, and no sum
// is divided between tasks, so the result does not depend on who runs which.
template <ConvConfig C, class Epilogue>
inline void Conv(const float* in, const float* weights, const float* bias, const float* addend,
                 float* out, uint32_t task) {
  using Shape = ConvShape<C>;
  constexpr int kTiles = Shape::kRowTiles * Shape::kColumnSplit.parts;
  constexpr int kGroupWeights = Shape::kVectors * C.vector * Shape::kSteps;
  const Share parts(Shape::kVectorSplit.parts, C.channel_tasks,
                    static_cast<int>(task) / C.pixel_tasks);
  const Share tiles(kTiles, C.pixel_tasks, static_cast<int>(task) % C.pixel_tasks);
  for (int n = 0; n < C.in.batch; ++n) {
    for (int g = 0; g < C.groups; ++g) {
      const ConvOperands at = {.in = in + n * C.in.image + C.in.At(g * Shape::kIn, 0, 0),
                               .weights = weights + static_cast<ptrdiff_t>(g) * kGroupWeights,
                               .bias = bias + g * Shape::kVectors * C.vector,
                               .addend = Shape::kHasAddend ? addend + n * C.addend.image +
                                                                 C.addend.At(g * Shape::kOut, 0, 0)
                                                           : nullptr,
                               .out = out + n * C.out.image + C.out.At(g * Shape::kOut, 0, 0)};
      ConvTiles<C, Epilogue>(at, parts.begin, parts.end, tiles.begin, tiles.end);
    }
  }
}

}  // namespace kedge::kernels
