// What a kernel does to a result while it is still in a register: the activation functions that
// fuse into convolutions, pools and sums. An epilogue is a type with
//     template <class V> static V Apply(V x);
// for V a vector of floats. The emitter names one of these; a new one is a struct here.
//
// NaN stays NaN: Larger and Smaller return their second argument if one is NaN, so x always stands
// second.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elementary.h"
#include "vector.h"

namespace kedge::kernels::activation {

struct Identity {
  template <class V>
  static KEDGE_INLINE V Apply(V x) {
    return x;
  }
};

struct Relu {
  template <class V>
  static KEDGE_INLINE V Apply(V x) {
    return Larger((V)0.0f, x);
  }
};

template <float kLow, float kHigh>
struct Clip {
  template <class V>
  static KEDGE_INLINE V Apply(V x) {
    return Smaller((V)kHigh, Larger((V)kLow, x));
  }
};

template <float kSlope>
struct LeakyRelu {
  template <class V>
  static KEDGE_INLINE V Apply(V x) {
    return x < (V)0.0f ? x * (V)kSlope : x;
  }
};

template <float kAlpha, float kBeta>
struct HardSigmoid {
  template <class V>
  static KEDGE_INLINE V Apply(V x) {
    return Smaller((V)1.0f, Larger((V)0.0f, x * (V)kAlpha + (V)kBeta));
  }
};

struct HardSwish {
  template <class V>
  static KEDGE_INLINE V Apply(V x) {
    return x * Smaller((V)1.0f, Larger((V)0.0f, x * (V)(1.0f / 6.0f) + (V)0.5f));
  }
};

// Applies a scalar function of elementary.h lane by lane; without branches, it vectorises.
template <class V, class Function>
KEDGE_INLINE V EachLane(V x, Function function) {
  constexpr int kLanes = sizeof(V) / sizeof(float);
  float lanes[kLanes];
  __builtin_memcpy(lanes, &x, sizeof x);
  KEDGE_VECTORIZE
  for (int i = 0; i < kLanes; ++i) lanes[i] = function(lanes[i]);
  __builtin_memcpy(&x, lanes, sizeof x);
  return x;
}

struct Sigmoid {
  template <class V>
  static KEDGE_INLINE V Apply(V x) {
    return EachLane(x, [](float lane) { return kernels::Sigmoid(lane); });
  }
};

struct Silu {
  template <class V>
  static KEDGE_INLINE V Apply(V x) {
    return EachLane(x, [](float lane) { return lane * kernels::Sigmoid(lane); });
  }
};

struct Tanh {
  template <class V>
  static KEDGE_INLINE V Apply(V x) {
    return EachLane(x, [](float lane) { return kernels::Tanh(lane); });
  }
};

template <float kAlpha>
struct Elu {
  template <class V>
  static KEDGE_INLINE V Apply(V x) {
    return EachLane(x, [](float lane) { return lane < 0 ? kAlpha * Expm1(lane) : lane; });
  }
};

}  // namespace kedge::kernels::activation
