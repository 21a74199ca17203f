// 3x3 convolution with stride 1 by Winograd's minimal filtering F(m x m, 3 x 3), m = 2 or 4.
//
// A tile of m x m outputs needs a (m + 2) x (m + 2) patch of the input and (m + 2)^2 products a
// channel instead of 9 m^2: 2.25 times fewer for m = 2, 4 times fewer for m = 4. With patches d,
// kernels g and constant matrices B, G, A (Lavin's, for the points 0, +-1, +-2 and infinity):
//
//     output = A^T [ sum over channels of (G g G^T) * (B^T d B) ] A
//
// Two steps, both cut into tasks:
//   WinogradInput    transforms every patch: B^T d B, into a scratch tensor
//                    [group of tiles][position][input vector][tile in group][vector length]
//   WinogradProduct  for a group of tiles and a group of output vectors: for each of the (m + 2)^2
//                    positions one matrix product (conv.h, tiles as pixels), then A^T . A, bias,
//                    addend, epilogue. The rows of positions are folded as soon as they are there,
//                    so that what lies between stays in the first-level cache.
//
//   weights  G g G^T, transformed by the compiler: [group of vectors][position][input channel]
//            [vectors * vector length]
//   reads    the input's interior and halo up to whole tiles: (tile rows * m + 2) rows in all
//
// The sums are shorter than the direct ones but the transforms lose some bits: measured against the
// direct sum's bound m = 2 stays below it, m = 4 within about ten times.
//
// Source: Lavin, Gray, "Fast algorithms for convolutional neural networks", CVPR 2016.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conv.h"
#include "epilogue.h"

namespace kedge::kernels {

struct WinogradConfig {
  View in, out;  // blocked by the vector length
  View addend = {};
  int pad_top = 0, pad_left = 0;
  int size = 4;  // m
  int vector = kVectorFloats;
  int tiles = 1;    // of a group: the pixels of the matrix products
  int vectors = 1;  // of output channels of a group
  int channel_tasks = 1, tile_tasks = 1;
};

template <WinogradConfig C>
struct WinogradShape {
  static constexpr int kPatch = C.size + 2;
  static constexpr int kPositions = kPatch * kPatch;
  static constexpr int kTileRows = (C.out.height + C.size - 1) / C.size;
  static constexpr int kTileColumns = (C.out.width + C.size - 1) / C.size;
  static constexpr int kTiles = kTileRows * kTileColumns;
  static constexpr Split kTileSplit = Split(kTiles, C.tiles);
  static constexpr int kInVectors = C.in.Vectors(C.vector);
  static constexpr Split kVectorSplit = Split(C.out.Vectors(C.vector), C.vectors);
  // Floats of the scratch tensor one tile takes.
  static constexpr ptrdiff_t kTileFloats =
      static_cast<ptrdiff_t>(kPositions) * kInVectors * C.vector;
  static constexpr ptrdiff_t kImageFloats = kTileFloats * kTiles;
};

// One dimension of B^T d.
template <class V>
KEDGE_INLINE void TransformInput(const V (&d)[4], V (&r)[4]) {
  r[0] = d[0] - d[2];
  r[1] = d[1] + d[2];
  r[2] = d[2] - d[1];
  r[3] = d[1] - d[3];
}

template <class V>
KEDGE_INLINE void TransformInput(const V (&d)[6], V (&r)[6]) {
  const V two = (V)2.0f, four = (V)4.0f, five = (V)5.0f;
  const V even = d[4] - d[2], odd = d[3] - d[1];
  r[0] = four * d[0] - five * d[2] + d[4];
  r[1] = (d[3] + d[4]) - four * (d[1] + d[2]);
  r[2] = (d[4] - d[3]) + four * (d[1] - d[2]);
  r[3] = even + two * odd;
  r[4] = even - two * odd;
  r[5] = four * d[1] - five * d[3] + d[5];
}

// One dimension of A^T m.
template <class V>
KEDGE_INLINE void TransformOutput(const V (&m)[4], V (&y)[2]) {
  y[0] = m[0] + m[1] + m[2];
  y[1] = m[1] - m[2] - m[3];
}

template <class V>
KEDGE_INLINE void TransformOutput(const V (&m)[6], V (&y)[4]) {
  const V sum = m[1] + m[2], difference = m[1] - m[2];
  const V sum2 = m[3] + m[4], difference2 = m[3] - m[4];
  y[0] = m[0] + sum + sum2;
  y[1] = difference + (V)2.0f * difference2;
  y[2] = sum + (V)4.0f * sum2;
  y[3] = difference + (V)8.0f * difference2 + m[5];
}

// One patch of one vector of channels; `in` stands at its first pixel, results go `step` floats
// apart.
template <WinogradConfig C>
KEDGE_INLINE void TransformPatch(const float* in, float* out, ptrdiff_t step) {
  constexpr int kPatch = WinogradShape<C>::kPatch;
  using V = Vec<C.vector>;
  V columns[kPatch][kPatch];
  KEDGE_UNROLL
  for (int x = 0; x < kPatch; ++x) {
    V d[kPatch], r[kPatch];
    KEDGE_UNROLL
    for (int y = 0; y < kPatch; ++y) {
      d[y] = Load<C.vector>(in + static_cast<ptrdiff_t>(y) * C.in.row + x * C.in.pixel);
    }
    TransformInput(d, r);
    KEDGE_UNROLL
    for (int y = 0; y < kPatch; ++y) columns[y][x] = r[y];
  }
  KEDGE_UNROLL
  for (int y = 0; y < kPatch; ++y) {
    V r[kPatch];
    TransformInput(columns[y], r);
    KEDGE_UNROLL
    for (int x = 0; x < kPatch; ++x) Store<C.vector>(out + (y * kPatch + x) * step, r[x]);
  }
}

// Task `task` of tile_tasks: the patches of its share of the groups of tiles.
template <WinogradConfig C>
inline void WinogradInput(const float* in, float* scratch, uint32_t task) {
  using Shape = WinogradShape<C>;
  const Share parts(Shape::kTileSplit.parts, C.tile_tasks, static_cast<int>(task));
  for (int n = 0; n < C.in.batch; ++n) {
    const float* image = in + n * C.in.image - C.pad_top * static_cast<ptrdiff_t>(C.in.row) -
                         C.pad_left * C.in.pixel;
    for (int part = parts.begin; part < parts.end; ++part) {
      const int first = Shape::kTileSplit.Begin(part), size = Shape::kTileSplit.Size(part);
      float* group = scratch + n * Shape::kImageFloats + first * Shape::kTileFloats;
      for (int v = 0; v < Shape::kInVectors; ++v) {
        for (int i = 0; i < size; ++i) {
          const int y = (first + i) / Shape::kTileColumns * C.size;
          const int x = (first + i) % Shape::kTileColumns * C.size;
          TransformPatch<C>(
              image + v * C.in.plane + static_cast<ptrdiff_t>(y) * C.in.row + x * C.in.pixel,
              group + static_cast<ptrdiff_t>(v * size + i) * C.vector,
              static_cast<ptrdiff_t>(Shape::kInVectors) * size * C.vector);
        }
      }
    }
  }
}

// The product over channels of one position as conv.h's: tiles are the pixels of one row.
template <WinogradConfig C, int kTiles, int kVectors>
constexpr ConvConfig WinogradProductConfig() {
  constexpr int kN = C.vector;
  ConvConfig product;
  product.in =
      View{.channels = C.in.channels, .height = 1, .width = kTiles, .block = kN, .pixel = kN};
  product.in.row = kTiles * kN;
  product.in.plane = product.in.row;
  product.out = View{.channels = kVectors * kN,
                     .height = 1,
                     .width = kTiles,
                     .block = kVectors * kN,
                     .pixel = kVectors * kN};
  product.out.row = kTiles * kVectors * kN;
  product.out.plane = product.out.row;
  product.vector = kN;
  product.tile = {1, kTiles, kVectors};
  product.prefetch = true;
  return product;
}

constexpr int kWinogradVectorsMax = 4;
alignas(64) constexpr float kWinogradZeros[kWinogradVectorsMax * kVectorFloats] = {};

// One group of kTiles tiles by one group of kVectors output vectors.
template <WinogradConfig C, class Epilogue, int kTiles, int kVectors>
struct WinogradGroup {
  using Shape = WinogradShape<C>;
  using V = Vec<C.vector>;
  static constexpr int kN = C.vector;
  static constexpr int kPatch = Shape::kPatch;
  static constexpr int kWidth = kVectors * kN;
  static constexpr ConvConfig kProduct = WinogradProductConfig<C, kTiles, kVectors>();

  // [position in a row][tile][output channel], and the same folded to m columns for every row.
  alignas(64) float row[kPatch][kTiles * kWidth];
  alignas(64) float folded[kPatch][C.size][kTiles * kWidth];

  KEDGE_INLINE void FoldRow(int y) {
    for (int i = 0; i < kTiles * kWidth; i += kN) {
      V m[kPatch], r[C.size];
      KEDGE_UNROLL
      for (int x = 0; x < kPatch; ++x) m[x] = Load<kN>(&row[x][i]);
      TransformOutput(m, r);
      KEDGE_UNROLL
      for (int x = 0; x < C.size; ++x) Store<kN>(&folded[y][x][i], r[x]);
    }
  }

  // Output pixels of tile `tile` (of the image), at `at` in this group.
  KEDGE_INLINE void StoreTile(int tile, int at, const float* addend, float* out) {
    const int top = tile / Shape::kTileColumns * C.size;
    const int left = tile % Shape::kTileColumns * C.size;
    for (int v = 0; v < kVectors; ++v) {
      KEDGE_UNROLL
      for (int x = 0; x < C.size; ++x) {
        if (left + x >= C.out.width) continue;
        V m[kPatch], r[C.size];
        KEDGE_UNROLL
        for (int y = 0; y < kPatch; ++y) m[y] = Load<kN>(&folded[y][x][at * kWidth + v * kN]);
        TransformOutput(m, r);
        KEDGE_UNROLL
        for (int y = 0; y < C.size; ++y) {
          if (top + y >= C.out.height) continue;
          V sum = r[y];
          if constexpr (C.addend.channels > 0) {
            sum += Load<kN>(addend + v * C.addend.plane + C.addend.At(0, top + y, left + x));
          }
          Store<kN>(out + v * C.out.plane + C.out.At(0, top + y, left + x), Epilogue::Apply(sum));
        }
      }
    }
  }

  static KEDGE_NOINLINE void Run(const ConvOperands& at, int first) {
    WinogradGroup group;
    const float* in = at.in;
    const float* weights = at.weights;
    for (int y = 0; y < kPatch; ++y) {
      for (int x = 0; x < kPatch; ++x) {
        // The product at (1, 1) has the factor 1 in every output: the bias goes in there.
        const float* bias = y == 1 && x == 1 ? at.bias : kWinogradZeros;
        ConvTile<kProduct, activation::Identity, 1, kTiles, kVectors, false>::Run(
            {.in = in, .weights = weights, .bias = bias, .addend = nullptr, .out = group.row[x]});
        in += static_cast<ptrdiff_t>(Shape::kInVectors) * kTiles * kN;
        weights += static_cast<ptrdiff_t>(C.in.channels) * kWidth;
      }
      group.FoldRow(y);
    }
    for (int i = 0; i < kTiles; ++i) group.StoreTile(first + i, i, at.addend, at.out);
  }
};

// One group of kVectors output vectors over the groups of tiles [begin, end) of one image.
template <WinogradConfig C, class Epilogue, int kVectors>
KEDGE_INLINE void WinogradTiles(const ConvOperands& at, int begin, int end) {
  using Shape = WinogradShape<C>;
  constexpr Split tiles = Shape::kTileSplit;
  for (int part = begin; part < end; ++part) {
    ConvOperands group = at;
    group.in += tiles.Begin(part) * Shape::kTileFloats;
    if constexpr (tiles.extra > 0) {
      if (part < tiles.extra) {
        WinogradGroup<C, Epilogue, tiles.base + 1, kVectors>::Run(group, tiles.Begin(part));
        continue;
      }
    }
    WinogradGroup<C, Epilogue, tiles.base, kVectors>::Run(group, tiles.Begin(part));
  }
}

// Task `task` of channel_tasks * tile_tasks.
template <WinogradConfig C, class Epilogue>
inline void WinogradProduct(const float* scratch, const float* weights, const float* bias,
                            const float* addend, float* out, uint32_t task) {
  using Shape = WinogradShape<C>;
  constexpr Split vectors = Shape::kVectorSplit;
  const Share parts(vectors.parts, C.channel_tasks, static_cast<int>(task) / C.tile_tasks);
  const Share tiles(Shape::kTileSplit.parts, C.tile_tasks, static_cast<int>(task) % C.tile_tasks);
  for (int n = 0; n < C.in.batch; ++n) {
    for (int part = parts.begin; part < parts.end; ++part) {
      const int v = vectors.Begin(part);
      ConvOperands at = {.in = scratch + n * Shape::kImageFloats,
                         .weights = weights + static_cast<ptrdiff_t>(v) * C.vector * C.in.channels *
                                                  Shape::kPositions,
                         .bias = bias + v * C.vector,
                         .addend = addend,
                         .out = out + n * C.out.image + v * C.out.plane};
      if constexpr (C.addend.channels > 0) at.addend += n * C.addend.image + v * C.addend.plane;
      if constexpr (vectors.extra > 0) {
        if (part < vectors.extra) {
          WinogradTiles<C, Epilogue, vectors.base + 1>(at, tiles.begin, tiles.end);
          continue;
        }
      }
      WinogradTiles<C, Epilogue, vectors.base>(at, tiles.begin, tiles.end);
    }
  }
}

}  // namespace kedge::kernels
