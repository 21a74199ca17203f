// The ways between layouts, and the halo.
//
//   ToBlocked    planar or channels last -> blocked; padding channels become zero
//   FromBlocked  blocked -> planar or channels last
//   CopyPlanar   planar -> planar with another row length, to give the first layer's input a halo
//   FillHalo     sets the border round the interior to one value
//
// Between planar and blocked the data is transposed in squares of 4 x 4, which every target does in
// registers with eight shuffles.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "view.h"

namespace kedge::kernels {

struct ReorderConfig {
  View in, out;  // the same channels, height, width and batch
  int vector = kVectorFloats;
  int tasks = 1;
};

struct Halo {
  int top = 0, left = 0, bottom = 0, right = 0;
};

// Transposes a 4 x 4 square: row i of the result is column i of rows.
KEDGE_INLINE void Transpose4(Vec<4> (&r)[4]) {
  const Vec<4> a = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5);
  const Vec<4> b = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
  const Vec<4> c = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5);
  const Vec<4> d = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
  r[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
  r[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
  r[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
  r[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
}

// One row of `kChannels` real channels of one block, planar to blocked.
template <ReorderConfig C, int kChannels>
KEDGE_INLINE void BlockRow(const float* in, float* out) {
  constexpr int kN = C.vector;
  constexpr int kWhole = C.in.block == 1 ? kChannels / 4 * 4 : 0;
  int x = 0;
  for (; x + 4 <= C.in.width && kWhole > 0; x += 4) {
    KEDGE_UNROLL
    for (int c = 0; c < kWhole; c += 4) {
      Vec<4> square[4];
      KEDGE_UNROLL
      for (int i = 0; i < 4; ++i) square[i] = Load<4>(in + (c + i) * C.in.plane + x);
      Transpose4(square);
      KEDGE_UNROLL
      for (int i = 0; i < 4; ++i) Store<4>(out + (x + i) * kN + c, square[i]);
    }
    for (int i = 0; i < 4; ++i) {
      for (int c = kWhole; c < kN; ++c) {
        out[(x + i) * kN + c] = c < kChannels ? in[c * C.in.plane + x + i] : 0.0f;
      }
    }
  }
  for (; x < C.in.width; ++x) {
    Store<kN>(out + x * kN, LoadChannels<kN, C.in, kChannels>(in + x * C.in.pixel));
  }
}

// One row of `kChannels` real channels of one block, blocked to planar or channels last.
template <ReorderConfig C, int kChannels>
KEDGE_INLINE void UnblockRow(const float* in, float* out) {
  constexpr int kN = C.vector;
  constexpr int kWhole = C.out.block == 1 ? kChannels / 4 * 4 : 0;
  int x = 0;
  for (; x + 4 <= C.out.width && kWhole > 0; x += 4) {
    KEDGE_UNROLL
    for (int c = 0; c < kWhole; c += 4) {
      Vec<4> square[4];
      KEDGE_UNROLL
      for (int i = 0; i < 4; ++i) square[i] = Load<4>(in + (x + i) * kN + c);
      Transpose4(square);
      KEDGE_UNROLL
      for (int i = 0; i < 4; ++i) Store<4>(out + (c + i) * C.out.plane + x, square[i]);
    }
    for (int c = kWhole; c < kChannels; ++c) {
      for (int i = 0; i < 4; ++i) out[c * C.out.plane + x + i] = in[(x + i) * kN + c];
    }
  }
  for (; x < C.out.width; ++x) {
    StoreChannels<kN, C.out, kChannels>(out + x * C.out.pixel, Load<kN>(in + x * kN));
  }
}

// Calls row.template operator()<real channels>(in, out) for the rows of task `task`, where in and
// out stand at the first element of a vector of channels.
template <ReorderConfig C, class Row>
KEDGE_INLINE void ForBlockRows(const float* in, float* out, uint32_t task, Row row) {
  constexpr int kVectors = C.in.Vectors(C.vector);
  constexpr int kTail = C.in.channels % C.vector;
  const Share share(kVectors * C.in.height, C.tasks, static_cast<int>(task));
  for (int n = 0; n < C.in.batch; ++n) {
    for (int i = share.begin; i < share.end; ++i) {
      const int v = i / C.in.height, y = i % C.in.height;
      const float* from = in + n * C.in.image + C.in.At(v * C.vector, y, 0);
      float* to = out + n * C.out.image + C.out.At(v * C.vector, y, 0);
      if constexpr (kTail > 0) {
        if (v == kVectors - 1) {
          row.template operator()<kTail>(from, to);
          continue;
        }
      }
      if constexpr (C.in.channels >= C.vector) row.template operator()<C.vector>(from, to);
    }
  }
}

template <ReorderConfig C>
inline void ToBlocked(const float* in, float* out, uint32_t task) {
  ForBlockRows<C>(in, out, task, []<int kChannels>(const float* from, float* to) {
    BlockRow<C, kChannels>(from, to);
  });
}

template <ReorderConfig C>
inline void FromBlocked(const float* in, float* out, uint32_t task) {
  ForBlockRows<C>(in, out, task, []<int kChannels>(const float* from, float* to) {
    UnblockRow<C, kChannels>(from, to);
  });
}

template <ReorderConfig C>
inline void CopyPlanar(const float* in, float* out, uint32_t task) {
  const Share share(C.in.channels * C.in.height, C.tasks, static_cast<int>(task));
  for (int n = 0; n < C.in.batch; ++n) {
    for (int i = share.begin; i < share.end; ++i) {
      const int c = i / C.in.height, y = i % C.in.height;
      __builtin_memcpy(out + n * C.out.image + c * C.out.plane + y * C.out.row,
                       in + n * C.in.image + c * C.in.plane + y * C.in.row,
                       static_cast<size_t>(C.in.width) * sizeof(float));
    }
  }
}

KEDGE_INLINE void FillFloats(float* p, ptrdiff_t count, float value) {
  for (ptrdiff_t i = 0; i < count; ++i) p[i] = value;
}

// Sets the halo of a planar or blocked tensor; the interior is not touched. The rows of the view
// hold the halo's left and right: row >= (left + width + right) * pixel.
template <View kView, Halo kHalo>
KEDGE_NOINLINE void FillHalo(float* out, float value) {
  constexpr int kPlanes = (kView.channels + kView.block - 1) / kView.block;
  constexpr ptrdiff_t kLine = (kHalo.left + kView.width + kHalo.right) * kView.pixel;
  for (int n = 0; n < kView.batch; ++n) {
    for (int p = 0; p < kPlanes; ++p) {
      float* first = out + n * kView.image + p * kView.plane - kHalo.left * kView.pixel;
      for (int y = -kHalo.top; y < kView.height + kHalo.bottom; ++y) {
        float* line = first + static_cast<ptrdiff_t>(y) * kView.row;
        if (y < 0 || y >= kView.height) {
          FillFloats(line, kLine, value);
        } else {
          FillFloats(line, kHalo.left * kView.pixel, value);
          FillFloats(line + (kHalo.left + kView.width) * kView.pixel, kHalo.right * kView.pixel,
                     value);
        }
      }
    }
  }
}

}  // namespace kedge::kernels
