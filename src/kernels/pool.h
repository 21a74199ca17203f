// Pooling over windows and over whole images, on blocked tensors.
//
// Positions of a window outside the image do not take part: they are left out of a maximum, and out
// of an average's divisor unless the model counts them. So pools need no halo. Inside the image the
// window is unrolled; at the borders its range is cut at run time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conv.h"

namespace kedge::kernels {

enum class PoolKind { kMax, kAverage, kAverageCountingPads };

struct PoolConfig {
  View in, out;
  Window window = {};
  PoolKind kind = PoolKind::kMax;
  int vector = kVectorFloats;
  int channel_tasks = 1, pixel_tasks = 1;
};

// The kernel positions [begin, end) along one axis that fall inside the image.
struct Taps {
  int begin, end;
  constexpr Taps(int start, int taps, int dilation, int size) : begin(0), end(taps) {
    while (begin < taps && start + begin * dilation < 0) ++begin;
    while (end > begin && start + (end - 1) * dilation >= size) --end;
  }
};

template <PoolConfig C>
struct PoolPixel {
  using V = Vec<C.vector>;
  static constexpr Window kW = C.window;

  static KEDGE_INLINE V Join(V sum, V x) {
    if constexpr (C.kind == PoolKind::kMax) {
      return Larger(sum, x);
    } else {
      return sum + x;
    }
  }
  static KEDGE_INLINE V At(const float* in, int kh, int kw) {
    return Load<C.vector>(in + static_cast<ptrdiff_t>(kh) * kW.dilation_h * C.in.row +
                          kw * kW.dilation_w * C.in.pixel);
  }
  // All positions count; `in` stands under the first.
  static KEDGE_INLINE V Inside(const float* in) {
    V sum = At(in, 0, 0);
    for (int kh = 0; kh < kW.height; ++kh) {
      KEDGE_UNROLL
      for (int kw = 0; kw < kW.width; ++kw) {
        if (kh + kw > 0) sum = Join(sum, At(in, kh, kw));
      }
    }
    return C.kind == PoolKind::kMax ? sum : sum * (V)(1.0f / (kW.height * kW.width));
  }
  static KEDGE_INLINE V Border(const float* in, Taps rows, Taps columns) {
    const bool empty = rows.begin >= rows.end || columns.begin >= columns.end;
    V sum = (V)0.0f;
    if (!empty && C.kind == PoolKind::kMax) sum = At(in, rows.begin, columns.begin);
    for (int kh = rows.begin; kh < rows.end; ++kh) {
      for (int kw = columns.begin; kw < columns.end; ++kw) sum = Join(sum, At(in, kh, kw));
    }
    if constexpr (C.kind == PoolKind::kMax) return sum;
    int count = kW.height * kW.width;
    if constexpr (C.kind == PoolKind::kAverage) {
      count = (rows.end - rows.begin) * (columns.end - columns.begin);
    }
    return sum * (V)(1.0f / static_cast<float>(count > 0 ? count : 1));
  }
};

template <PoolConfig C, class Epilogue>
KEDGE_NOINLINE void PoolRow(const float* in, float* out, int y) {
  constexpr Window w = C.window;
  using Pixel = PoolPixel<C>;
  const int top = y * w.stride_h - w.pad_top;
  const Taps rows(top, w.height, w.dilation_h, C.in.height);
  const bool all_rows = rows.begin == 0 && rows.end == w.height;
  for (int x = 0; x < C.out.width; ++x) {
    const int left = x * w.stride_w - w.pad_left;
    const float* from =
        in + top * static_cast<ptrdiff_t>(C.in.row) + left * static_cast<ptrdiff_t>(C.in.pixel);
    const bool inside = all_rows && left >= 0 && left + (w.width - 1) * w.dilation_w < C.in.width;
    const auto result =
        inside ? Pixel::Inside(from)
               : Pixel::Border(from, rows, Taps(left, w.width, w.dilation_w, C.in.width));
    Store<C.vector>(out + x * C.out.pixel, Epilogue::Apply(result));
  }
}

// Task `task` of channel_tasks * pixel_tasks.
template <PoolConfig C, class Epilogue>
inline void Pool(const float* in, float* out, uint32_t task) {
  const Share vectors(C.out.Vectors(C.vector), C.channel_tasks,
                      static_cast<int>(task) / C.pixel_tasks);
  const Share rows(C.out.height, C.pixel_tasks, static_cast<int>(task) % C.pixel_tasks);
  for (int n = 0; n < C.in.batch; ++n) {
    for (int v = vectors.begin; v < vectors.end; ++v) {
      for (int y = rows.begin; y < rows.end; ++y) {
        PoolRow<C, Epilogue>(in + n * C.in.image + v * C.in.plane,
                             out + n * C.out.image + v * C.out.plane + y * C.out.row, y);
      }
    }
  }
}

struct GlobalPoolConfig {
  View in;   // blocked
  View out;  // one pixel; blocked or channels last
  int vector = kVectorFloats;
  int channel_tasks = 1;
};

// The mean over each channel's image. Four sums run side by side, which hides the latency of the
// addition and shortens the chain of roundings.
template <GlobalPoolConfig C, class Epilogue>
inline void GlobalAverage(const float* in, float* out, uint32_t task) {
  using V = Vec<C.vector>;
  constexpr int kTail = C.in.channels % C.vector == 0 ? C.vector : C.in.channels % C.vector;
  constexpr int kVectors = C.in.Vectors(C.vector);
  constexpr float kScale = 1.0f / (static_cast<float>(C.in.height) * C.in.width);
  const Share vectors(kVectors, C.channel_tasks, static_cast<int>(task));
  for (int n = 0; n < C.in.batch; ++n) {
    for (int v = vectors.begin; v < vectors.end; ++v) {
      V sum[4] = {};
      for (int y = 0; y < C.in.height; ++y) {
        const float* row = in + n * C.in.image + v * C.in.plane + y * C.in.row;
        int x = 0;
        for (; x + 4 <= C.in.width; x += 4) {
          KEDGE_UNROLL
          for (int i = 0; i < 4; ++i) sum[i] += Load<C.vector>(row + (x + i) * C.in.pixel);
        }
        for (; x < C.in.width; ++x) sum[x % 4] += Load<C.vector>(row + x * C.in.pixel);
      }
      const V mean = Epilogue::Apply(((sum[0] + sum[1]) + (sum[2] + sum[3])) * (V)kScale);
      float* to = out + n * C.out.image + C.out.At(v * C.vector, 0, 0);
      if (v == kVectors - 1) {
        StoreChannels<C.vector, C.out, kTail>(to, mean);
      } else {
        StoreChannels<C.vector, C.out, C.vector>(to, mean);
      }
    }
  }
}

}  // namespace kedge::kernels
