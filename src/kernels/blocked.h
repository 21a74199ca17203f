// Element by element work on blocked tensors: sums (residual connections that did not fuse into a
// convolution), scale and shift a channel (batch normalisation that did not fold), copies into a
// slice of a concatenation. Lane by lane, so padding channels need no care.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "view.h"

namespace kedge::kernels {

// A view whose rows are joined into one where nothing stands between them; the work of an
// elementwise kernel is then one long row.
constexpr bool RowsTouch(const View& view) { return view.row == view.width * view.pixel; }

struct BlockedConfig {
  View a, b, out;  // the same channels, height, width and batch; b unused by kernels of one input
  int vector = kVectorFloats;
  int tasks = 1;
};

// Calls row(image, vector of channels, y) for the rows of task `task`.
template <BlockedConfig C, class Row>
KEDGE_INLINE void ForRows(uint32_t task, Row row) {
  constexpr int kVectors = C.out.Vectors(C.vector);
  const Share share(kVectors * C.out.height, C.tasks, static_cast<int>(task));
  for (int n = 0; n < C.out.batch; ++n) {
    for (int i = share.begin; i < share.end; ++i) row(n, i / C.out.height, i % C.out.height);
  }
}

constexpr ptrdiff_t RowAt(const View& view, int image, int vector, int y) {
  return image * view.image + vector * view.plane + static_cast<ptrdiff_t>(y) * view.row;
}

// out = epilogue(a + b).
template <BlockedConfig C, class Epilogue>
inline void BlockedSum(const float* a, const float* b, float* out, uint32_t task) {
  constexpr int kN = C.vector;
  ForRows<C>(task, [&](int n, int v, int y) {
    const float* pa = a + RowAt(C.a, n, v, y);
    const float* pb = b + RowAt(C.b, n, v, y);
    float* po = out + RowAt(C.out, n, v, y);
    for (int x = 0; x < C.out.width; ++x) {
      Store<kN>(po + x * kN, Epilogue::Apply(Load<kN>(pa + x * kN) + Load<kN>(pb + x * kN)));
    }
  });
}

// out = epilogue(a * scale[channel] + shift[channel]); both have one float a padded channel.
template <BlockedConfig C, class Epilogue>
inline void BlockedAffine(const float* a, const float* scale, const float* shift, float* out,
                          uint32_t task) {
  constexpr int kN = C.vector;
  ForRows<C>(task, [&](int n, int v, int y) {
    const float* pa = a + RowAt(C.a, n, v, y);
    float* po = out + RowAt(C.out, n, v, y);
    const Vec<kN> s = Load<kN>(scale + v * kN);
    const Vec<kN> t = Load<kN>(shift + v * kN);
    for (int x = 0; x < C.out.width; ++x) {
      Store<kN>(po + x * kN, Epilogue::Apply(Load<kN>(pa + x * kN) * s + t));
    }
  });
}

// out = epilogue(a): a copy, an activation alone, or a concatenation's slice.
template <BlockedConfig C, class Epilogue>
inline void BlockedMap(const float* a, float* out, uint32_t task) {
  constexpr int kN = C.vector;
  ForRows<C>(task, [&](int n, int v, int y) {
    const float* pa = a + RowAt(C.a, n, v, y);
    float* po = out + RowAt(C.out, n, v, y);
    for (int x = 0; x < C.out.width; ++x) {
      Store<kN>(po + x * kN, Epilogue::Apply(Load<kN>(pa + x * kN)));
    }
  });
}

}  // namespace kedge::kernels
