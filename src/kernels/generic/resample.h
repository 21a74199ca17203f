// Copies whose source index is a table for each dimension, and weighted sums along one axis:
// padding that repeats what is there, and resizing.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../kernel.h"

namespace kedge::kernels {

// y[o][j][i] = x[o][index[j]][i] for rows of `inner` elements.
template <class T>
inline void TakeRows(int64_t first, int64_t last, int64_t in, int64_t out, int64_t inner,
                     const int64_t* index, const T* x, T* y) {
  for (int64_t r = first; r < last; ++r) {
    const int64_t o = r / out, j = r % out;
    const T* from = x + (o * in + index[j]) * inner;
    T* to = y + r * inner;
    for (int64_t i = 0; i < inner; ++i) to[i] = from[i];
  }
}

// y[o][j][i] = sum over t < taps of weight[j][t] * x[o][index[j][t]][i]. A: the arithmetic's type.
template <class A, class T>
inline void BlendRows(int64_t first, int64_t last, int64_t in, int64_t out, int64_t inner,
                      int64_t taps, const int64_t* index, const A* weight, const T* x, T* y) {
  for (int64_t r = first; r < last; ++r) {
    const int64_t o = r / out, j = r % out;
    const T* from = x + o * in * inner;
    T* to = y + r * inner;
    for (int64_t i = 0; i < inner; ++i) {
      A sum = A(0);
      for (int64_t t = 0; t < taps; ++t) {
        sum += weight[j * taps + t] * static_cast<A>(from[index[j * taps + t] * inner + i]);
      }
      to[i] = static_cast<T>(sum);
    }
  }
}

}  // namespace kedge::kernels
