// Softmax over many short rows: class scores of every place of a detector, two or a few dozen side
// by side. A row is too short to fill a vector, so the lanes of a vector are rows: the work of one
// exponential serves kVectorFloats of them.
//
//   in, out  [rows][kLength], row-major; may be one place
//   result   exp(x - max of the row) / sum of the row's
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elementary.h"
#include "vector.h"

namespace kedge::kernels {

// At most kVectorFloats rows of kLength; the lanes above `rows` compute on zeros.
template <int kLength>
KEDGE_INLINE void SoftmaxLanes(const float* in, float* out, int rows) {
  constexpr int kN = kVectorFloats;
  float x[kLength][kN] = {};
  for (int r = 0; r < rows; ++r) {
    for (int i = 0; i < kLength; ++i) x[i][r] = in[r * kLength + i];
  }
  Vec<kN> top = Load<kN>(x[0]);
  for (int i = 1; i < kLength; ++i) top = Larger(top, Load<kN>(x[i]));
  Vec<kN> sum = (Vec<kN>)0.0f;
  for (int i = 0; i < kLength; ++i) {
    Store<kN>(x[i], Load<kN>(x[i]) - top);
    KEDGE_VECTORIZE
    for (int r = 0; r < kN; ++r) x[i][r] = Exp(x[i][r]);
    sum += Load<kN>(x[i]);
  }
  const Vec<kN> scale = (Vec<kN>)1.0f / sum;
  for (int i = 0; i < kLength; ++i) Store<kN>(x[i], Load<kN>(x[i]) * scale);
  for (int r = 0; r < rows; ++r) {
    for (int i = 0; i < kLength; ++i) out[r * kLength + i] = x[i][r];
  }
}

// Task `task` of kTasks over kRows rows.
template <int kLength, int kRows, int kTasks>
inline void SoftmaxRows(const float* in, float* out, uint32_t task) {
  const Share share(kRows, kTasks, static_cast<int>(task));
  int row = share.begin;
  for (; row + kVectorFloats <= share.end; row += kVectorFloats) {
    SoftmaxLanes<kLength>(in + row * kLength, out + row * kLength, kVectorFloats);
  }
  if (row < share.end) {
    SoftmaxLanes<kLength>(in + row * kLength, out + row * kLength, share.end - row);
  }
}

}  // namespace kedge::kernels
