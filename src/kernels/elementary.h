// Elementary functions for generated code: freestanding, without branches or tables, so that clang
// vectorises a loop over them for every target.
//
// Accuracy in units in the last place of the result, over all finite arguments unless said: f32 and
// f64 exp, expm1, log, log1p, tanh, erf: 3; sigmoid: 4; atan, asin, acos and the hyperbolic ones:
// 5; f32 pow, sin, cos, tan: 1 (computed in f64); f64 sin, cos: 3 up to |x| = 1e6; f64 pow: 2 + |y
// log x|. NaN in, NaN out; infinities and domain errors as IEEE 754 recommends. elementary_test.cc
// measures these against the C library.
//
// Method: exp reduces to |r| <= ln2 / 2 (Cody, Waite) and sums the Taylor series; log reduces to
// [sqrt(1/2), sqrt(2)) and sums atanh's series in s = f / (2 + f); erf is its Taylor series up to 1
// and 1 - exp(-x^2) P(1 / (x + 2)) above, P fitted by Chebyshev interpolation.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel.h"

namespace kedge::kernels {

template <class T>
struct Float;

template <>
struct Float<float> {
  using Int = int32_t;
  using Unsigned = uint32_t;
  static constexpr int kMantissaBits = 23;
  static constexpr int kBias = 127;
  static constexpr float kRound = 0x1.8p23f;  // adding and taking away rounds to an integer
  static constexpr float kLn2High = 0x1.62e4p-1f, kLn2Low = 0x1.7f7d1cf78p-20f;
  static constexpr float kExpMin = -104.0f, kExpMax = 89.0f;
  static constexpr float kExpm1Min = -30.0f;
  static constexpr float kMinNormal = 0x1p-126f;
  static constexpr Unsigned kSqrtHalf = 0x3f3504f3u;
  static constexpr float kInfinity = __builtin_inff();
  static constexpr float kNaN = __builtin_nanf("");
  static constexpr int kExpTerms = 7;   // powers of r
  static constexpr int kLogTerms = 5;   // powers of s^2
  static constexpr int kErfTerms = 11;  // powers of x^2
  static constexpr int kAtanTerms = 5;
};

template <>
struct Float<double> {
  using Int = int64_t;
  using Unsigned = uint64_t;
  static constexpr int kMantissaBits = 52;
  static constexpr int kBias = 1023;
  static constexpr double kRound = 0x1.8p52;
  static constexpr double kLn2High = 0x1.62e42feep-1, kLn2Low = 0x1.a39ef35793c76p-33;
  static constexpr double kExpMin = -746.0, kExpMax = 710.0;
  static constexpr double kExpm1Min = -60.0;
  static constexpr double kMinNormal = 0x1p-1022;
  static constexpr Unsigned kSqrtHalf = 0x3fe6a09e667f3bcdull;
  static constexpr double kInfinity = __builtin_inf();
  static constexpr double kNaN = __builtin_nan("");
  static constexpr int kExpTerms = 14;
  static constexpr int kLogTerms = 11;
  static constexpr int kErfTerms = 22;
  static constexpr int kAtanTerms = 12;
};

template <class T>
KEDGE_INLINE typename Float<T>::Unsigned BitsOf(T x) {
  return __builtin_bit_cast(typename Float<T>::Unsigned, x);
}
template <class T>
KEDGE_INLINE T FromBits(typename Float<T>::Unsigned bits) {
  return __builtin_bit_cast(T, bits);
}

// The select forms are one instruction each; NaN in x gives NaN.
template <class T>
KEDGE_INLINE T Max(T x, T y) {
  return x != x ? x : (x > y ? x : y);
}
template <class T>
KEDGE_INLINE T Min(T x, T y) {
  return x != x ? x : (x < y ? x : y);
}
template <class T>
KEDGE_INLINE T Abs(T x) {
  if constexpr (T(-1) < T(0)) {
    return x < T(0) ? T(-x) : x;
  } else {
    return x;
  }
}
KEDGE_INLINE float Abs(float x) { return __builtin_fabsf(x); }
KEDGE_INLINE double Abs(double x) { return __builtin_fabs(x); }
KEDGE_INLINE float Sqrt(float x) { return __builtin_sqrtf(x); }
KEDGE_INLINE double Sqrt(double x) { return __builtin_sqrt(x); }
KEDGE_INLINE float Floor(float x) { return __builtin_floorf(x); }
KEDGE_INLINE double Floor(double x) { return __builtin_floor(x); }
KEDGE_INLINE float Ceil(float x) { return __builtin_ceilf(x); }
KEDGE_INLINE double Ceil(double x) { return __builtin_ceil(x); }
KEDGE_INLINE float Trunc(float x) { return __builtin_truncf(x); }
KEDGE_INLINE double Trunc(double x) { return __builtin_trunc(x); }
// To nearest, halves to even.
KEDGE_INLINE float Round(float x) { return __builtin_rintf(x); }
KEDGE_INLINE double Round(double x) { return __builtin_rint(x); }
KEDGE_INLINE float CopySign(float x, float sign) { return __builtin_copysignf(x, sign); }
KEDGE_INLINE double CopySign(double x, double sign) { return __builtin_copysign(x, sign); }

// 2^n for n in the range of normal exponents.
template <class T>
KEDGE_INLINE T PowerOfTwo(typename Float<T>::Int n) {
  using F = Float<T>;
  return FromBits<T>(static_cast<typename F::Unsigned>(n + F::kBias) << F::kMantissaBits);
}

// x = n ln2 + r with |r| <= ln2 / 2.
template <class T>
struct Reduced {
  typename Float<T>::Int n;
  T r;
};
template <class T>
KEDGE_INLINE Reduced<T> ReduceByLn2(T x) {
  using F = Float<T>;
  const T t = x * static_cast<T>(0x1.71547652b82fep+0) + F::kRound;
  const T n = t - F::kRound;
  const T r = (x - n * F::kLn2High) - n * F::kLn2Low;
  return {static_cast<typename F::Int>(BitsOf(t) - BitsOf(F::kRound)), r};
}

// (e^r - 1 - r) / r^2 by Taylor's series.
template <class T>
KEDGE_INLINE T ExpTail(T r) {
  T sum = T(0);
  double factorial = 1;
  for (int k = 2; k <= Float<T>::kExpTerms; ++k) factorial *= k;
  for (int k = Float<T>::kExpTerms; k >= 2; --k) {
    sum = sum * r + static_cast<T>(1 / factorial);
    factorial /= k;
  }
  return sum;
}

template <class T>
KEDGE_INLINE T Exp(T x) {
  using F = Float<T>;
  const T clamped = Max(Min(x, F::kExpMax), F::kExpMin);
  const Reduced<T> reduced = ReduceByLn2(clamped);
  const T p = T(1) + (reduced.r + reduced.r * reduced.r * ExpTail(reduced.r));
  // In two factors, so that subnormal results and 2^128 do not leave the exponent's range.
  const auto half = reduced.n >> 1;
  return p * PowerOfTwo<T>(half) * PowerOfTwo<T>(reduced.n - half);
}

// e^x - 1 without cancellation near 0.
template <class T>
KEDGE_INLINE T Expm1(T x) {
  using F = Float<T>;
  const T clamped = Max(Min(x, F::kExpMax), F::kExpm1Min);
  const Reduced<T> reduced = ReduceByLn2(clamped);
  const T q = reduced.r + reduced.r * reduced.r * ExpTail(reduced.r);
  const T scale = PowerOfTwo<T>(reduced.n - 1);
  const T result = (q * scale + (scale - T(0.5))) * T(2);
  return reduced.n == 0 ? q : result;
}

// Natural logarithm of a positive finite number.
template <class T>
KEDGE_INLINE T LogPositive(T x) {
  using F = Float<T>;
  const bool subnormal = x < F::kMinNormal;
  const T lifted = subnormal ? x * PowerOfTwo<T>(F::kMantissaBits + 1) : x;
  const auto offset = static_cast<typename F::Int>(BitsOf(lifted) - F::kSqrtHalf);
  const auto mask = (typename F::Unsigned{1} << F::kMantissaBits) - 1;
  const T m = FromBits<T>((static_cast<typename F::Unsigned>(offset) & mask) + F::kSqrtHalf);
  const auto exponent = (offset >> F::kMantissaBits) - (subnormal ? F::kMantissaBits + 1 : 0);
  const T n = static_cast<T>(exponent);
  const T f = m - T(1);
  const T s = f / (T(2) + f);
  const T z = s * s;
  T series = T(0);
  for (int k = F::kLogTerms; k >= 1; --k) series = (series + static_cast<T>(2.0 / (2 * k + 1))) * z;
  const T half_square = T(0.5) * f * f;
  return n * F::kLn2High + ((s * (half_square + series) + n * F::kLn2Low) - half_square + f);
}

template <class T>
KEDGE_INLINE T Log(T x) {
  using F = Float<T>;
  const T ordinary = LogPositive(x);
  const T special = x == T(0) ? -F::kInfinity : (x == F::kInfinity ? x : F::kNaN);
  return x > T(0) && x < F::kInfinity ? ordinary : special;
}

// log(1 + u) without cancellation near 0.
template <class T>
KEDGE_INLINE T Log1p(T u) {
  const T w = T(1) + u;
  const T correction = ((w - T(1)) - u) / w;
  return Log(w) - (w > T(0) && w < Float<T>::kInfinity ? correction : T(0));
}

template <class T>
KEDGE_INLINE T Tanh(T x) {
  const T e = Expm1(T(-2) * Abs(x));
  return CopySign(-e / (e + T(2)), x);
}
template <class T>
KEDGE_INLINE T Sigmoid(T x) {
  return T(1) / (T(1) + Exp(-x));
}
template <class T>
KEDGE_INLINE T Softplus(T x) {
  return Log1p(Exp(-Abs(x))) + Max(x, T(0));
}
template <class T>
KEDGE_INLINE T Sinh(T x) {
  const T e = Expm1(Abs(x));
  const T root = Exp(Abs(x) * T(0.5));  // e^x overflows before sinh does
  return CopySign(Abs(x) > T(20) ? root * T(0.5) * root : (e + e / (e + T(1))) * T(0.5), x);
}
template <class T>
KEDGE_INLINE T Cosh(T x) {
  const T root = Exp(Abs(x) * T(0.5));
  return root * T(0.5) * root + T(0.5) / (root * root);
}
template <class T>
KEDGE_INLINE T Asinh(T x) {
  const T a = Abs(x);
  const T big = Log(a) + T(0.6931471805599453);
  const T small = Log1p(a + a * a / (T(1) + Sqrt(a * a + T(1))));
  return CopySign(a > T(1e9) ? big : small, x);
}
template <class T>
KEDGE_INLINE T Acosh(T x) {
  const T t = x - T(1);
  const T big = Log(x) + T(0.6931471805599453);
  return x > T(1e9) ? big : Log1p(t + Sqrt(t * T(2) + t * t));
}
template <class T>
KEDGE_INLINE T Atanh(T x) {
  const T a = Abs(x);
  return CopySign(T(0.5) * Log1p(T(2) * a / (T(1) - a)), x);
}

// erfc(x) e^(x^2) for x in [1, 6], a polynomial in u = (1 / (x + 2) - 11/48) * 48/5.
KEDGE_INLINE double ErfcxPolynomial(double u) {
  constexpr double kCoefficients[] = {
      0x1.c57cd9cd3f3e6p-3,   0x1.4b8edae159fd4p-3,   0x1.3be3609c81519p-5,   0x1.6e44c727a15c2p-8,
      0x1.9d6e4a88cd737p-13,  -0x1.52ddf92fdcc05p-14, -0x1.ec9d4bf47392bp-18, 0x1.09b29634a7fdbp-19,
      0x1.5f15057e3fe56p-23,  -0x1.2dc2aa96f5049p-24, -0x1.3e076b8ce97b3p-32, 0x1.c22c4b75cf182p-29,
      -0x1.a6ee3834b97ccp-30, -0x1.79693887acfe4p-30, 0x1.85dda095cc4ccp-29,  0x1.c3603a9cc7c6cp-30,
      -0x1.fb2667c8dbdf0p-29, -0x1.5eb2c5305a43cp-30, 0x1.8bc4629ee1c50p-29,  0x1.31ce3616f9a7ep-31,
      -0x1.54f41fc983610p-30, -0x1.ca2e378d58053p-34, 0x1.f40c8588268a2p-33};
  double sum = 0;
  for (int k = 22; k >= 0; --k) sum = sum * u + kCoefficients[k];
  return sum;
}
KEDGE_INLINE float ErfcxPolynomial(float u) {
  constexpr float kCoefficients[] = {0x1.c57cd9cd4eff7p-3f,   0x1.4b8edae2124a2p-3f,
                                     0x1.3be3608fa892ap-5f,   0x1.6e44c535198c7p-8f,
                                     0x1.9d6eb63262bebp-13f,  -0x1.52db1632cf9f4p-14f,
                                     -0x1.ecc57a2c05384p-18f, 0x1.08d4a098f4cf5p-19f};
  float sum = 0;
  for (int k = 7; k >= 0; --k) sum = sum * u + kCoefficients[k];
  return sum;
}

template <class T>
KEDGE_INLINE T Erf(T x) {
  const T a = Abs(x);
  const T z = Min(a, T(1)) * Min(a, T(1));
  T series = T(0);
  double factorial = 1;
  for (int k = 1; k <= Float<T>::kErfTerms; ++k) factorial *= k;
  for (int k = Float<T>::kErfTerms; k >= 0; --k) {
    const double term = 1.1283791670955126 / (factorial * (2 * k + 1));
    series = series * z + static_cast<T>(k % 2 == 0 ? term : -term);
    factorial /= k > 0 ? k : 1;
  }
  const T b = Max(Min(a, T(6)), T(1));
  const T u = (T(1) / (b + T(2)) - T(11.0 / 48)) * T(9.6);
  const T large = T(1) - Exp(-b * b) * ErfcxPolynomial(u);
  return x != x ? x : (a < T(1) ? x * series : CopySign(large, x));
}

// atan(x) for x >= 0 (infinity included): above 1 by pi/2 - atan(1/x), then twice
// atan(y) = 2 atan(y / (1 + sqrt(1 + y^2))).
template <class T>
KEDGE_INLINE T AtanPositive(T x) {
  const bool inverted = x > T(1);
  const T y = inverted ? T(1) / x : x;
  const T first = y / (T(1) + Sqrt(T(1) + y * y));
  const T second = first / (T(1) + Sqrt(T(1) + first * first));
  const T z = second * second;
  T series = T(0);
  for (int k = Float<T>::kAtanTerms; k >= 1; --k) {
    series = (series + static_cast<T>((k % 2 == 0 ? 1.0 : -1.0) / (2 * k + 1))) * z;
  }
  const T angle = T(4) * (second + second * series);
  return inverted ? T(1.5707963267948966) - angle : angle;
}
template <class T>
KEDGE_INLINE T Atan(T x) {
  return CopySign(AtanPositive(Abs(x)), x);
}
template <class T>
KEDGE_INLINE T Asin(T x) {
  const T a = Abs(x);
  return CopySign(AtanPositive(a / Sqrt((T(1) - a) * (T(1) + a))), x);
}
template <class T>
KEDGE_INLINE T Acos(T x) {
  return T(2) * AtanPositive(Sqrt((T(1) - x) / (T(1) + x)));
}

// Sine (phase 0) or cosine (phase 1).
KEDGE_INLINE double SineWave(double x, int64_t phase) {
  const double t = x * 0x1.45f306dc9c883p-1 + Float<double>::kRound;
  const double n = t - Float<double>::kRound;
  const auto quadrant = static_cast<int64_t>(BitsOf(t) & 3) + phase;
  const double r = ((x - n * 0x1.921fb544p+0) - n * 0x1.0b4611a6p-34) - n * 0x1.3198a2e037073p-69;
  const double z = r * r;
  double sine = 0, cosine = 0, factorial = 1;
  for (int k = 1; k <= 19; ++k) factorial *= k;
  for (int k = 9; k >= 1; --k) {
    const double sign = k % 2 == 0 ? 1 : -1;
    sine = (sine + sign / factorial) * z;
    factorial /= 2 * k + 1;
    cosine = (cosine + sign / factorial) * z;
    factorial /= 2 * k;
  }
  const double value = (quadrant & 1) != 0 ? 1 + cosine : r + r * sine;
  return (quadrant & 2) != 0 ? -value : value;
}
KEDGE_INLINE double Sin(double x) { return x == 0 ? x : SineWave(x, 0); }
KEDGE_INLINE double Cos(double x) { return SineWave(x, 1); }
KEDGE_INLINE double Tan(double x) { return Sin(x) / Cos(x); }
KEDGE_INLINE float Sin(float x) { return static_cast<float>(Sin(static_cast<double>(x))); }
KEDGE_INLINE float Cos(float x) { return static_cast<float>(Cos(static_cast<double>(x))); }
KEDGE_INLINE float Tan(float x) { return static_cast<float>(Tan(static_cast<double>(x))); }

KEDGE_INLINE double Pow(double x, double y) {
  const double magnitude = Exp(y * Log(Abs(x)));
  const bool whole = Trunc(y) == y;
  const bool odd = whole && Trunc(y * 0.5) * 2 != y;
  const bool negative = (BitsOf(x) >> 63) != 0;
  double value = negative && odd ? -magnitude : magnitude;
  const bool infinite = Abs(x) == Float<double>::kInfinity;
  value = negative && !whole && x != 0 && !infinite ? Float<double>::kNaN : value;
  value = x != x || y != y ? x + y : value;
  const bool one_at_infinity = x == -1 && Abs(y) == Float<double>::kInfinity;
  return y == 0 || x == 1 || one_at_infinity ? 1 : value;
}
KEDGE_INLINE float Pow(float x, float y) {
  return static_cast<float>(Pow(static_cast<double>(x), static_cast<double>(y)));
}

// To an integer type, toward zero; NaN gives 0 and what is out of range the nearest bound.
template <class To, class From>
KEDGE_INLINE To ToInteger(From x) {
  constexpr bool kSigned = To(-1) < To(0);
  constexpr int kBits = static_cast<int>(sizeof(To)) * 8 - (kSigned ? 1 : 0);
  const From limit = static_cast<From>(uint64_t{1} << (kBits - 1)) * From(2);
  constexpr To kMax = static_cast<To>(~uint64_t{0} >> (64 - kBits));
  constexpr To kMin = kSigned ? static_cast<To>(-kMax - 1) : To(0);
  const From floor = kSigned ? -limit : From(0);
  const bool inside = x > floor - From(1) && x < limit;
  const To value = static_cast<To>(inside ? x : From(0));
  return x >= limit ? kMax : (x <= floor ? kMin : value);
}

// Integer power by squaring, wrapping; a negative exponent gives 0 but for x = 1 and -1.
template <class T>
KEDGE_INLINE T PowInt(T x, int64_t y) {
  uint64_t base = static_cast<uint64_t>(x), product = 1;
  const bool inverse = y < 0;
  for (uint64_t n = static_cast<uint64_t>(inverse ? -y : y); n != 0; n >>= 1) {
    if ((n & 1) != 0) product *= base;
    base *= base;
  }
  if (inverse && x != T(1) && x != T(-1)) return T(0);
  return static_cast<T>(product);
}

// The integer type's power with a real exponent: exact for a whole one.
template <class T>
KEDGE_INLINE T PowMixed(T x, double y) {
  if (Trunc(y) == y && Abs(y) < 0x1p31) return PowInt(x, static_cast<int64_t>(y));
  return ToInteger<T>(Pow(static_cast<double>(x), y));
}

// Quotient toward zero; 0 for a division by 0, which must not trap.
template <class T>
KEDGE_INLINE T DivInt(T x, T y) {
  if (y == T(0)) return T(0);
  if constexpr (T(-1) < T(0)) {
    if (y == T(-1)) return static_cast<T>(0 - static_cast<uint64_t>(x));
  }
  return static_cast<T>(x / y);
}
// Remainder with the divisor's sign (Python's) or the dividend's (C's).
template <class T>
KEDGE_INLINE T ModInt(T x, T y, bool sign_of_dividend) {
  if (y == T(0)) return T(0);
  if constexpr (T(-1) < T(0)) {
    if (y == T(-1)) return T(0);
  }
  const T r = static_cast<T>(x % y);
  if (sign_of_dividend || r == T(0)) return r;
  if constexpr (T(-1) < T(0)) {
    if ((r < T(0)) != (y < T(0))) return static_cast<T>(r + y);
  }
  return r;
}
// Exact for f32 while |x / y| < 2^53.
KEDGE_INLINE double ModFloat(double x, double y) { return x - Trunc(x / y) * y; }
KEDGE_INLINE float ModFloat(float x, float y) {
  return static_cast<float>(ModFloat(static_cast<double>(x), static_cast<double>(y)));
}

}  // namespace kedge::kernels
