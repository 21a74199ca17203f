// Registers' worth of one row of results: what convolution and matrix products accumulate in.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../kernel.h"

namespace kedge::kernels {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
constexpr int kVectorsPerRow = 4, kRowsPerTile = 6;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
constexpr int kVectorsPerRow = 2, kRowsPerTile = 6;
#elif defined(__aarch64__)
constexpr int kVectorBytes = 16;
constexpr int kVectorsPerRow = 4, kRowsPerTile = 6;
#else
constexpr int kVectorBytes = 16;
constexpr int kVectorsPerRow = 2, kRowsPerTile = 5;
#endif

// kVectors vectors of T that stay in registers: kVectors * lanes neighbouring elements.
template <class T, int kVectors>
struct RowTile {
  static constexpr int kVectorLanes = kVectorBytes / static_cast<int>(sizeof(T));
  static constexpr int kWidth = kVectors * kVectorLanes;
  typedef T V __attribute__((ext_vector_type(kVectorLanes)));
  V v[kVectors];

  KEDGE_INLINE void Fill(T value) {
    for (int i = 0; i < kVectors; ++i) v[i] = static_cast<V>(value);
  }
  KEDGE_INLINE void Load(const T* from) { __builtin_memcpy(v, from, sizeof v); }
  KEDGE_INLINE void Store(T* to) const { __builtin_memcpy(to, v, sizeof v); }
  // this += factor * x. The factor is converted, not added to zero: a conversion is one broadcast.
  KEDGE_INLINE void AddProduct(T factor, const RowTile& x) {
    const V splat = static_cast<V>(factor);
    for (int i = 0; i < kVectors; ++i) v[i] += splat * x.v[i];
  }
};

// Keeps the compiler from hoisting the loads of the next step above this one's arithmetic, which
// would spill accumulators.
KEDGE_INLINE void Fence() { asm volatile("" ::: "memory"); }

}  // namespace kedge::kernels
