// Pooling over windows of up to three dimensions, planes row-major. Outputs of one row are worked
// on side by side; at the borders a tap covers a shorter range of them, so nothing is padded.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "reduce.h"

namespace kedge::kernels {

// One spatial dimension.
struct PoolAxis {
  int64_t in, out, kernel, stride, dilation, pad_begin, pad_end;

  constexpr int64_t At(int64_t o, int64_t k) const { return o * stride - pad_begin + k * dilation; }
  // Taps of output o that lie inside the input, or inside its padding as well.
  constexpr int64_t Count(int64_t o, bool with_padding) const {
    int64_t count = 0;
    for (int64_t k = 0; k < kernel; ++k) {
      const int64_t at = At(o, k);
      count += with_padding ? at < in + pad_end : at >= 0 && at < in;
    }
    return count;
  }
};
struct PoolShape {
  PoolAxis axis[3];
  constexpr int64_t InPlane() const { return axis[0].in * axis[1].in * axis[2].in; }
  constexpr int64_t OutPlane() const { return axis[0].out * axis[1].out * axis[2].out; }
};

enum class PoolAverage { kNone, kInside, kWithPadding };

// Reduces one plane by Op (reduce.h). Averages divide by the number of taps; otherwise
// Op::Finish makes the result.
template <PoolShape kShape, class Op, PoolAverage kAverage, class T>
inline void PoolPlane(const T* x, T* y) {
  using A = typename Op::Acc;
  constexpr PoolAxis kD = kShape.axis[0], kH = kShape.axis[1], kW = kShape.axis[2];
  constexpr bool kPadding = kAverage == PoolAverage::kWithPadding;
  for (int64_t od = 0; od < kD.out; ++od) {
    for (int64_t oh = 0; oh < kH.out; ++oh) {
      T* out = y + (od * kH.out + oh) * kW.out;
      for (int64_t start = 0; start < kW.out; start += kColumns) {
        const int64_t end = kW.out - start < kColumns ? kW.out : start + kColumns;
        A acc[kColumns];
        for (int i = 0; i < kColumns; ++i) acc[i] = Op::Start();
        for (int64_t kd = 0; kd < kD.kernel; ++kd) {
          for (int64_t kh = 0; kh < kH.kernel; ++kh) {
            const int64_t id = kD.At(od, kd), ih = kH.At(oh, kh);
            if (id < 0 || id >= kD.in || ih < 0 || ih >= kH.in) continue;
            const T* row = x + (id * kH.in + ih) * kW.in;
            for (int64_t kw = 0; kw < kW.kernel; ++kw) {
              int64_t first = start, last = end;
              while (first < last && kW.At(first, kw) < 0) ++first;
              while (last > first && kW.At(last - 1, kw) >= kW.in) --last;
              const T* taps = row + kW.At(0, kw);
              KEDGE_VECTORIZE
              for (int64_t ow = first; ow < last; ++ow) {
                acc[ow - start] =
                    Op::Join(acc[ow - start], Op::Map(static_cast<A>(taps[ow * kW.stride])));
              }
            }
          }
        }
        const int64_t rows = kD.Count(od, kPadding) * kH.Count(oh, kPadding);
        for (int64_t ow = start; ow < end; ++ow) {
          if constexpr (kAverage == PoolAverage::kNone) {
            out[ow] = static_cast<T>(Op::Finish(acc[ow - start], 1));
          } else {
            const int64_t count = rows * kW.Count(ow, kPadding);
            out[ow] = static_cast<T>(acc[ow - start] / static_cast<A>(count));
          }
        }
      }
    }
  }
}

}  // namespace kedge::kernels
