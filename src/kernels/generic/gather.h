// Reads and writes at indices that are tensors. An index outside its dimension ends the kernel with
// an error instead of a stray access; negative ones count from the end.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../elementary.h"

namespace kedge::kernels {

constexpr int kOutOfRange = 11;  // KEDGE_RUN_OUT_OF_RANGE

// The index in [0, size), or -1.
template <class I>
KEDGE_INLINE int64_t ResolveIndex(I index, int64_t size) {
  const int64_t resolved = static_cast<int64_t>(index) + (index < 0 ? size : 0);
  return resolved >= 0 && resolved < size ? resolved : -1;
}

// y[o][j][i] = x[o][indices[j]][i] for x[outer][size][inner].
struct GatherShape {
  int64_t outer, size, inner, count;
};
template <class T, class I>
inline int Gather(const GatherShape& g, const T* x, const I* indices, T* y) {
  for (int64_t j = 0; j < g.count; ++j) {
    const int64_t index = ResolveIndex(indices[j], g.size);
    if (index < 0) return kOutOfRange;
    for (int64_t o = 0; o < g.outer; ++o) {
      const T* from = x + (o * g.size + index) * g.inner;
      T* to = y + (o * g.count + j) * g.inner;
      for (int64_t i = 0; i < g.inner; ++i) to[i] = from[i];
    }
  }
  return 0;
}

// A tensor's sizes and strides up to rank 8.
struct Extents {
  int64_t rank;
  int64_t size[8], stride[8];
};

// The offset in `target` of element `at` (counted over `own`) with its coordinate along `axis`
// replaced by `index`; -1 if that lies outside.
template <class I>
KEDGE_INLINE int64_t ElementOffset(const Extents& own, const Extents& target, int64_t at,
                                   int64_t axis, I index) {
  const int64_t along = ResolveIndex(index, target.size[axis]);
  if (along < 0) return -1;
  int64_t offset = along * target.stride[axis];
  for (int64_t d = 0; d < own.rank; ++d) {
    const int64_t coordinate = at / own.stride[d] % own.size[d];
    if (d != axis) offset += coordinate * target.stride[d];
  }
  return offset;
}
template <class T, class I>
inline int GatherElements(const Extents& own, const Extents& source, int64_t axis, int64_t count,
                          const T* x, const I* indices, T* y) {
  for (int64_t at = 0; at < count; ++at) {
    const int64_t offset = ElementOffset(own, source, at, axis, indices[at]);
    if (offset < 0) return kOutOfRange;
    y[at] = x[offset];
  }
  return 0;
}

enum class Scatter { kSet, kAdd, kMul, kMax, kMin };
template <Scatter kHow, class T>
KEDGE_INLINE void ScatterOne(T& to, T value) {
  if constexpr (kHow == Scatter::kSet) to = value;
  if constexpr (kHow == Scatter::kAdd) to = static_cast<T>(to + value);
  if constexpr (kHow == Scatter::kMul) to = static_cast<T>(to * value);
  if constexpr (kHow == Scatter::kMax) to = to > value ? to : value;
  if constexpr (kHow == Scatter::kMin) to = to < value ? to : value;
}
template <Scatter kHow, class T, class I>
inline int ScatterElements(const Extents& own, const Extents& target, int64_t axis, int64_t count,
                           const I* indices, const T* updates, T* y) {
  for (int64_t at = 0; at < count; ++at) {
    const int64_t offset = ElementOffset(own, target, at, axis, indices[at]);
    if (offset < 0) return kOutOfRange;
    ScatterOne<kHow>(y[offset], updates[at]);
  }
  return 0;
}

// Tuples of `depth` indices into the dimensions of `target` from `first` on, each naming a slice of
// `slice` elements; `tuples` of them for each of `batches` batches of `batch` elements.
struct TupleShape {
  int64_t batches, batch, tuples, depth, first, slice;
};
template <class I>
KEDGE_INLINE int64_t TupleOffset(const TupleShape& shape, const Extents& target, const I* tuple) {
  int64_t offset = 0;
  for (int64_t d = 0; d < shape.depth; ++d) {
    const int64_t index = ResolveIndex(tuple[d], target.size[shape.first + d]);
    if (index < 0) return -1;
    offset += index * target.stride[shape.first + d];
  }
  return offset;
}
template <class T, class I>
inline int GatherTuples(const TupleShape& shape, const Extents& source, const T* x,
                        const I* indices, T* y) {
  for (int64_t t = 0; t < shape.batches * shape.tuples; ++t) {
    const int64_t offset = TupleOffset(shape, source, indices + t * shape.depth);
    if (offset < 0) return kOutOfRange;
    const T* from = x + t / shape.tuples * shape.batch + offset;
    for (int64_t i = 0; i < shape.slice; ++i) y[t * shape.slice + i] = from[i];
  }
  return 0;
}
template <Scatter kHow, class T, class I>
inline int ScatterTuples(const TupleShape& shape, const Extents& target, const I* indices,
                         const T* updates, T* y) {
  for (int64_t t = 0; t < shape.tuples; ++t) {
    const int64_t offset = TupleOffset(shape, target, indices + t * shape.depth);
    if (offset < 0) return kOutOfRange;
    for (int64_t i = 0; i < shape.slice; ++i) {
      ScatterOne<kHow>(y[offset + i], updates[t * shape.slice + i]);
    }
  }
  return 0;
}

// y[o][d][i] = indices[o][i] == d (or d - depth) ? on : off; an index outside gives only off.
// Compared as f64, which has every depth there is: in an index's own type 255 could be -1.
template <class T, class I>
inline void OneHot(int64_t outer, int64_t depth, int64_t inner, const I* indices, const T* values,
                   T* y) {
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t d = 0; d < depth; ++d) {
      for (int64_t i = 0; i < inner; ++i) {
        const auto index = static_cast<double>(indices[o * inner + i]);
        const bool on = index == static_cast<double>(index < 0 ? d - depth : d);
        y[(o * depth + d) * inner + i] = values[on ? 1 : 0];
      }
    }
  }
}

}  // namespace kedge::kernels
