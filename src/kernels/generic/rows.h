// Operators that look at a whole line along an axis: softmax and its kin, normalisations, running
// sums, local response normalisation.
//
// A tensor is seen as [outer][n][inner] with the axis in the middle. With inner = 1 a line is
// contiguous and is worked on in lanes; otherwise up to kColumns neighbouring lines are worked on
// side by side.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "reduce.h"

namespace kedge::kernels {

enum class Soft { kSoftmax, kLogSoftmax, kHardmax };

// One contiguous line of n elements. A: the type of the arithmetic.
template <Soft kKind, class A, class T>
inline void SoftLine(const T* x, T* y, int64_t n) {
  if constexpr (kKind == Soft::kHardmax) {
    const int64_t best = ArgExtreme<true, false>(x, n, 1);
    for (int64_t i = 0; i < n; ++i) y[i] = static_cast<T>(i == best ? A(1) : A(0));
    return;
  }
  Lanes<Maximum<A>> tops;
  tops.Add(n, [&](int64_t i) KEDGE_LAMBDA_INLINE { return static_cast<A>(x[i]); });
  const A top = tops.Fold();
  Lanes<Sum<A>> sums;
  if constexpr (kKind == Soft::kSoftmax) {
    KEDGE_VECTORIZE
    for (int64_t i = 0; i < n; ++i) y[i] = static_cast<T>(Exp(static_cast<A>(x[i]) - top));
    sums.Add(n, [&](int64_t i) KEDGE_LAMBDA_INLINE { return static_cast<A>(y[i]); });
    const A scale = A(1) / sums.Fold();
    KEDGE_VECTORIZE
    for (int64_t i = 0; i < n; ++i) y[i] = static_cast<T>(static_cast<A>(y[i]) * scale);
  } else {
    sums.Add(n, [&](int64_t i) KEDGE_LAMBDA_INLINE { return Exp(static_cast<A>(x[i]) - top); });
    const A shift = top + Log(sums.Fold());
    KEDGE_VECTORIZE
    for (int64_t i = 0; i < n; ++i) y[i] = static_cast<T>(static_cast<A>(x[i]) - shift);
  }
}

// Lines this short are worked on one a lane.
constexpr int64_t kShortLine = 16;

// Lines [first, last) of kN contiguous elements each, kN at most kShortLine.
template <Soft kKind, class A, int kN, class T>
inline void SoftShortLines(const T* x, T* y, int64_t first, int64_t last) {
  KEDGE_VECTORIZE
  for (int64_t line = first; line < last; ++line) {
    A value[kN];
    for (int i = 0; i < kN; ++i) value[i] = static_cast<A>(x[line * kN + i]);
    A top = value[0];
    for (int i = 1; i < kN; ++i) top = Max(top, value[i]);
    A sum = A(0);
    for (int i = 0; i < kN; ++i) {
      value[i] = value[i] - top;
      const A power = Exp(value[i]);
      sum += power;
      if constexpr (kKind == Soft::kSoftmax) value[i] = power;
    }
    const A scale = kKind == Soft::kSoftmax ? A(1) / sum : Log(sum);
    for (int i = 0; i < kN; ++i) {
      y[line * kN + i] =
          static_cast<T>(kKind == Soft::kSoftmax ? value[i] * scale : value[i] - scale);
    }
  }
}

// `columns` (at most kColumns) lines side by side, n elements `stride` apart each.
template <Soft kKind, class A, class T>
inline void SoftColumns(const T* x, T* y, int64_t n, int64_t stride, int64_t columns) {
  if constexpr (kKind == Soft::kHardmax) {
    for (int64_t c = 0; c < columns; ++c) {
      const int64_t best = ArgExtreme<true, false>(x + c, n, stride);
      for (int64_t i = 0; i < n; ++i) {
        y[i * stride + c] = static_cast<T>(i == best ? A(1) : A(0));
      }
    }
    return;
  }
  Columns<Maximum<A>> tops;
  for (int64_t i = 0; i < n; ++i) {
    const T* row = x + i * stride;
    tops.Add(columns, [&](int64_t c) KEDGE_LAMBDA_INLINE { return static_cast<A>(row[c]); });
  }
  Columns<Sum<A>> sums;
  for (int64_t i = 0; i < n; ++i) {
    const T* row = x + i * stride;
    sums.Add(columns, [&](int64_t c) KEDGE_LAMBDA_INLINE {
      return Exp(static_cast<A>(row[c]) - tops.column[c]);
    });
  }
  for (int64_t c = 0; c < columns; ++c) {
    sums.column[c] =
        kKind == Soft::kSoftmax ? A(1) / sums.column[c] : tops.column[c] + Log(sums.column[c]);
  }
  for (int64_t i = 0; i < n; ++i) {
    const T* row = x + i * stride;
    T* out = y + i * stride;
    KEDGE_VECTORIZE
    for (int64_t c = 0; c < columns; ++c) {
      const A value = static_cast<A>(row[c]);
      out[c] = static_cast<T>(kKind == Soft::kSoftmax ? Exp(value - tops.column[c]) * sums.column[c]
                                                      : value - sums.column[c]);
    }
  }
}

// Mean and 1 / sqrt(variance + epsilon) of a contiguous line, the variance in a pass of its own.
template <class A>
struct Moments {
  A mean, inverse_deviation;
};
template <class A, class T>
inline Moments<A> MomentsOf(const T* x, int64_t n, A epsilon) {
  Lanes<Sum<A>> sums;
  sums.Add(n, [&](int64_t i) KEDGE_LAMBDA_INLINE { return static_cast<A>(x[i]); });
  const A mean = sums.Fold() / static_cast<A>(n);
  Lanes<Sum<A>> squares;
  squares.Add(n, [&](int64_t i) KEDGE_LAMBDA_INLINE {
    const A d = static_cast<A>(x[i]) - mean;
    return d * d;
  });
  return {mean, A(1) / Sqrt(squares.Fold() / static_cast<A>(n) + epsilon)};
}

// x / |x|_p along lines `stride` apart; a line of norm zero stays zero.
template <int kP, class A, class T>
inline void LpLine(const T* x, T* y, int64_t n, int64_t stride) {
  Lanes<Sum<A>> sums;
  sums.Add(n, [&](int64_t i) KEDGE_LAMBDA_INLINE {
    const A value = static_cast<A>(x[i * stride]);
    return kP == 1 ? Abs(value) : value * value;
  });
  const A norm = kP == 1 ? sums.Fold() : Sqrt(sums.Fold());
  const A scale = norm > A(0) ? A(1) / norm : A(0);
  for (int64_t i = 0; i < n; ++i) {
    y[i * stride] = static_cast<T>(static_cast<A>(x[i * stride]) * scale);
  }
}

// Running sums of [n][inner]; exclusive leaves out the element itself, reverse starts at the end.
template <bool kExclusive, bool kReverse, class T>
inline void RunningSum(const T* x, T* y, int64_t n, int64_t inner) {
  for (int64_t step = 0; step < n; ++step) {
    const int64_t i = (kReverse ? n - 1 - step : step) * inner;
    const int64_t before = kReverse ? i + inner : i - inner;
    for (int64_t j = 0; j < inner; ++j) {
      const T sum = step == 0 ? T(0) : y[before + j];
      const T added = kExclusive ? (step == 0 ? T(0) : x[before + j]) : x[i + j];
      y[i + j] = static_cast<T>(sum + added);
    }
  }
}

// Local response normalisation of [channels][inner] over a window of `size` channels:
// y = x / (bias + alpha / size * sum of squares)^beta.
struct Lrn {
  int64_t channels, inner, size;
  float alpha, beta, bias;
};
KEDGE_INLINE float PowerOfBase(float base, float beta) {
  if (beta == 0.75f) return Sqrt(base) * Sqrt(Sqrt(base));
  if (beta == 0.5f) return Sqrt(base);
  if (beta == 1.0f) return base;
  return Exp(beta * Log(base));
}
template <class T>
inline void LrnColumns(const Lrn& lrn, const T* x, T* y, int64_t columns) {
  const int64_t before = (lrn.size - 1) / 2, after = lrn.size - 1 - before;
  for (int64_t c = 0; c < lrn.channels; ++c) {
    const int64_t first = c < before ? 0 : c - before;
    const int64_t last = c + after >= lrn.channels ? lrn.channels - 1 : c + after;
    Columns<Sum<float>> sums;
    for (int64_t k = first; k <= last; ++k) {
      const T* row = x + k * lrn.inner;
      sums.Add(columns, [&](int64_t i) KEDGE_LAMBDA_INLINE {
        const float value = static_cast<float>(row[i]);
        return value * value;
      });
    }
    const T* row = x + c * lrn.inner;
    T* out = y + c * lrn.inner;
    const float scale = lrn.alpha / static_cast<float>(lrn.size);
    KEDGE_VECTORIZE
    for (int64_t i = 0; i < columns; ++i) {
      const float base = lrn.bias + scale * sums.column[i];
      out[i] = static_cast<T>(static_cast<float>(row[i]) / PowerOfBase(base, lrn.beta));
    }
  }
}

}  // namespace kedge::kernels
