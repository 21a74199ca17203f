// The target seen through one small door: vectors of floats, their loads and stores, and the few
// facts about the instruction set that the kernels need. Everything else in this folder is written
// on top of it and knows no instruction set.
//
// Vectors are clang's ext_vector_type, so a kernel reads like scalar code and works on every
// target. Four habits keep the generated code tight; each was measured to give or cost a factor:
//   * A splat is a conversion, (V)x. `V{} + x` would cost an addition, which may not be folded away
//     (the sign of zero), and a shuffle; the conversion is one broadcasting load.
//   * After each step of a reduction stands Fence(): it stops the compiler from hoisting the next
//     step's loads over this step's arithmetic and so from spilling an accumulator.
//   * Weight panels that do not stay in the first cache are prefetched by hand.
//   * Maximum and minimum are written a > b ? a : b, one instruction everywhere; the builtin has
//     the semantics of fmaxf and becomes a library call on some targets. The result is b if either
//     is NaN.
//
// Only <stdint.h> and <stddef.h> may be included in this folder: there is no C++ library on the
// targets we compile for.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel.h"

#define KEDGE_UNROLL _Pragma("clang loop unroll(full)")
#define KEDGE_NOINLINE __attribute__((noinline))

namespace kedge::kernels {

// Floats in the widest vector of the target, and how many such registers there are.
#if defined(__AVX512F__)
constexpr int kVectorFloats = 16;
constexpr int kRegisters = 32;
#elif defined(__AVX__)
constexpr int kVectorFloats = 8;
constexpr int kRegisters = 16;
#elif defined(__aarch64__)
constexpr int kVectorFloats = 4;
constexpr int kRegisters = 32;
#else
constexpr int kVectorFloats = 4;
constexpr int kRegisters = 16;
#endif

// N floats; N is a power of two and need not be the target's own length.
template <int N>
using Vec = float __attribute__((ext_vector_type(N)));

template <int N>
KEDGE_INLINE Vec<N> Load(const float* p) {
  typedef float Unaligned __attribute__((ext_vector_type(N), aligned(4)));
  return *reinterpret_cast<const Unaligned*>(p);
}

template <int N>
KEDGE_INLINE void Store(float* p, Vec<N> v) {
  typedef float Unaligned __attribute__((ext_vector_type(N), aligned(4)));
  *reinterpret_cast<Unaligned*>(p) = v;
}

// The first `Count` floats only; the rest of the vector is zero on a load and dropped on a store.
template <int N, int Count>
KEDGE_INLINE Vec<N> LoadFirst(const float* p) {
  if constexpr (Count >= N) {
    return Load<N>(p);
  } else {
    Vec<N> v = (Vec<N>)0.0f;
    KEDGE_UNROLL
    for (int i = 0; i < Count; ++i) v[i] = p[i];
    return v;
  }
}

template <int N, int Count>
KEDGE_INLINE void StoreFirst(float* p, Vec<N> v) {
  if constexpr (Count >= N) {
    Store<N>(p, v);
  } else {
    __builtin_memcpy(p, &v, Count * sizeof(float));
  }
}

template <class V>
KEDGE_INLINE V Larger(V a, V b) {
  return a > b ? a : b;
}

template <class V>
KEDGE_INLINE V Smaller(V a, V b) {
  return a < b ? a : b;
}

KEDGE_INLINE void Fence() { asm volatile("" ::: "memory"); }

KEDGE_INLINE void Prefetch(const float* p) { __builtin_prefetch(p, 0, 3); }

// Divides `n` things into the fewest parts of at most `most`, as evenly as can be: the first
// `extra` parts hold base + 1, the others base. 56 by 16 gives 4 parts of 14; 49 by 14 gives
// 13 + 12 + 12 + 12, so that no remainder is too small to hide the latency of an addition.
struct Split {
  int parts, base, extra;
  constexpr Split(int n, int most)
      : parts((n + most - 1) / most), base(n / parts), extra(n % parts) {}
  constexpr int Begin(int part) const { return part * base + (part < extra ? part : extra); }
  constexpr int Size(int part) const { return base + (part < extra ? 1 : 0); }
  constexpr int Largest() const { return base + (extra > 0 ? 1 : 0); }
};

// The share [begin, end) of `n` things that task `task` of `tasks` takes.
struct Share {
  int begin, end;
  constexpr Share(int n, int tasks, int task)
      : begin(static_cast<int>(static_cast<int64_t>(n) * task / tasks)),
        end(static_cast<int>(static_cast<int64_t>(n) * (task + 1) / tasks)) {}
};

}  // namespace kedge::kernels
