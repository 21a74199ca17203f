// Reductions of rows and columns.
//
// A row is reduced into kLanes partial results that are joined at the end, element i into lane
// i % kLanes. So the loop vectorises without reordering what the source says, and the result is the
// same on every target and for every vector length.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../elementary.h"

namespace kedge::kernels {

constexpr int kLanes = 32;
constexpr int kColumns = 64;  // columns reduced side by side

// Reductions: Start() is the neutral element, Map takes an element in, Join takes two partial
// results, Finish what is made of the whole over so many elements.
template <class A>
struct Sum {
  using Acc = A;
  static constexpr A Start() { return A(0); }
  static A Map(A x) { return x; }
  static A Join(A a, A b) { return a + b; }
  static A Finish(A a, int64_t) { return a; }
};
template <class A>
struct Mean : Sum<A> {
  static A Finish(A a, int64_t n) { return a / static_cast<A>(n); }
};
template <class A>
struct SumSquare : Sum<A> {
  static A Map(A x) { return x * x; }
};
template <class A>
struct L1 : Sum<A> {
  static A Map(A x) { return Abs(x); }
};
template <class A>
struct L2 : SumSquare<A> {
  static A Finish(A a, int64_t) { return Sqrt(a); }
};
template <class A>
struct LogSum : Sum<A> {
  static A Finish(A a, int64_t) { return Log(a); }
};
template <class A>
struct Prod {
  using Acc = A;
  static constexpr A Start() { return A(1); }
  static A Map(A x) { return x; }
  static A Join(A a, A b) { return a * b; }
  static A Finish(A a, int64_t) { return a; }
};
template <class A>
constexpr A Lowest() {
  if constexpr (A(0.5) != A(0)) {
    return -Float<A>::kInfinity;
  } else if constexpr (A(-1) < A(0)) {
    return static_cast<A>(A(1) << (sizeof(A) * 8 - 1));
  } else {
    return A(0);
  }
}
template <class A>
constexpr A Highest() {
  if constexpr (A(0.5) != A(0)) {
    return Float<A>::kInfinity;
  } else {
    return static_cast<A>(~Lowest<A>());
  }
}
template <class A>
struct Maximum {
  using Acc = A;
  static constexpr A Start() { return Lowest<A>(); }
  static A Map(A x) { return x; }
  static A Join(A a, A b) { return Max(a, b); }
  static A Finish(A a, int64_t) { return a; }
};
template <class A>
struct Minimum : Maximum<A> {
  static constexpr A Start() { return Highest<A>(); }
  static A Join(A a, A b) { return Min(a, b); }
};

// Partial results of one row.
template <class Op>
struct Lanes {
  using A = typename Op::Acc;
  A lane[kLanes];

  KEDGE_INLINE Lanes() {
    for (int l = 0; l < kLanes; ++l) lane[l] = Op::Start();
  }
  // Takes in n elements `stride` apart; map(i) gives element i.
  template <class M>
  KEDGE_INLINE void Add(int64_t n, M map) {
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
      for (int l = 0; l < kLanes; ++l) lane[l] = Op::Join(lane[l], map(i + l));
    }
    for (int l = 0; i + l < n; ++l) lane[l] = Op::Join(lane[l], map(i + l));
  }
  KEDGE_INLINE A Fold() const {
    A half[kLanes];
    for (int l = 0; l < kLanes; ++l) half[l] = lane[l];
    for (int width = kLanes / 2; width > 0; width /= 2) {
      for (int l = 0; l < width; ++l) half[l] = Op::Join(half[l], half[l + width]);
    }
    return half[0];
  }
};

// Partial results of up to kColumns neighbouring columns.
template <class Op>
struct Columns {
  using A = typename Op::Acc;
  A column[kColumns];

  KEDGE_INLINE Columns() {
    for (int c = 0; c < kColumns; ++c) column[c] = Op::Start();
  }
  template <class M>
  KEDGE_INLINE void Add(int64_t n, M map) {
    if (n == kColumns) {
      for (int c = 0; c < kColumns; ++c) column[c] = Op::Join(column[c], map(c));
    } else {
      for (int64_t c = 0; c < n; ++c) column[c] = Op::Join(column[c], map(c));
    }
  }
};

// Index of the largest (or smallest) of n elements `stride` apart, the first or the last of equals;
// NaN counts as the most extreme.
template <bool kLargest, bool kLast, class T>
inline int64_t ArgExtreme(const T* x, int64_t n, int64_t stride) {
  int64_t best = 0;
  for (int64_t i = 1; i < n; ++i) {
    const T a = x[i * stride], b = x[best * stride];
    const bool better = kLargest ? a > b : a < b;
    if (better || (a != a && b == b) || (kLast && a == b)) best = i;
  }
  return best;
}

}  // namespace kedge::kernels
