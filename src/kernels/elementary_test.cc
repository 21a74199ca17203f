// The elementary functions of generated code against the C library in higher precision.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/elementary.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>

namespace kedge::kernels {
namespace {

// Distance from the true value in units in the last place of T at that value.
template <class T>
double UlpError(T got, long double want) {
  if (std::isnan(got) && std::isnan(want)) return 0;
  const T rounded = static_cast<T>(want);
  if (std::isinf(got) || std::isinf(rounded)) {
    if (got == rounded) return 0;
    const T largest = std::numeric_limits<T>::max();
    return std::abs(got) >= largest && std::abs(rounded) >= largest ? 1 : 1e9;
  }
  const long double next = std::nextafter(std::abs(rounded), std::numeric_limits<T>::infinity());
  const long double ulp = std::max(next - std::abs(static_cast<long double>(rounded)),
                                   static_cast<long double>(std::numeric_limits<T>::denorm_min()));
  return static_cast<double>(std::abs(static_cast<long double>(got) - want) / ulp);
}

template <class T>
struct Case {
  const char* name;
  T (*ours)(T);
  long double (*reference)(long double);
  double low, high;
  double ulps_max;
};

template <class T>
void Check(const Case<T>& c) {
  SCOPED_TRACE(c.name);
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> uniform(c.low, c.high);
  double worst = 0, worst_at = 0;
  for (int i = 0; i < 200000; ++i) {
    double x = uniform(random);
    if (i % 2 == 1) x = std::ldexp(x, -(i % 64));  // near zero as well
    if (x < c.low || x > c.high) continue;
    const T argument = static_cast<T>(x);
    const double error =
        UlpError(c.ours(argument), c.reference(static_cast<long double>(argument)));
    if (error > worst) {
      worst = error;
      worst_at = x;
    }
  }
  EXPECT_LE(worst, c.ulps_max) << "at " << worst_at;
}

template <class T>
long double SigmoidReference(long double x) {
  return 1 / (1 + std::exp(-x));
}

template <class T>
std::vector<Case<T>> Cases() {
  using L = long double;
  const bool wide = sizeof(T) == 8;
  return {
      {"exp", Exp<T>, [](L x) { return std::exp(x); }, wide ? -740. : -103., wide ? 709. : 88., 3},
      {"expm1", Expm1<T>, [](L x) { return std::expm1(x); }, -80, 80, 3},
      {"log", Log<T>, [](L x) { return std::log(x); }, 0, 1e30, 3},
      {"log1p", Log1p<T>, [](L x) { return std::log1p(x); }, -0.9999, 1e10, 3},
      {"tanh", Tanh<T>, [](L x) { return std::tanh(x); }, -30, 30, 3},
      {"sigmoid", Sigmoid<T>, SigmoidReference<T>, -80, 80, 4},
      {"erf", Erf<T>, [](L x) { return std::erf(x); }, -8, 8, 3},
      {"atan", Atan<T>, [](L x) { return std::atan(x); }, -1e3, 1e3, 5},
      {"asin", Asin<T>, [](L x) { return std::asin(x); }, -1, 1, 5},
      {"acos", Acos<T>, [](L x) { return std::acos(x); }, -1, 0.99, 5},
      {"sinh", Sinh<T>, [](L x) { return std::sinh(x); }, -80, 80, 5},
      {"cosh", Cosh<T>, [](L x) { return std::cosh(x); }, -80, 80, 5},
      {"asinh", Asinh<T>, [](L x) { return std::asinh(x); }, -1e10, 1e10, 5},
      {"acosh", Acosh<T>, [](L x) { return std::acosh(x); }, 1, 1e10, 5},
      {"atanh", Atanh<T>, [](L x) { return std::atanh(x); }, -0.9999, 0.9999, 5},
      {"sin", [](T x) { return Sin(x); }, [](L x) { return std::sin(x); }, -10, 10, wide ? 3. : 1.},
      {"cos", [](T x) { return Cos(x); }, [](L x) { return std::cos(x); }, -10, 10, wide ? 3. : 1.},
  };
}

TEST(Math, FloatFunctionsAreWithinTheirBounds) {
  for (const auto& c : Cases<float>()) Check(c);
}

TEST(Math, DoubleFunctionsAreWithinTheirBounds) {
  for (const auto& c : Cases<double>()) Check(c);
}

TEST(Math, PowFollowsTheStandardAtTheEdges) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  const float values[] = {0.f, -0.f, 1.f, -1.f, 2.f, -2.f, 0.5f, -0.5f, 3.f, -3.f, inf, -inf, nan};
  for (float x : values) {
    for (float y : values) {
      SCOPED_TRACE(testing::Message() << x << " ^ " << y);
      const float want = std::pow(x, y), got = Pow(x, y);
      if (std::isnan(want)) {
        EXPECT_TRUE(std::isnan(got)) << got;
      } else {
        EXPECT_LE(UlpError(got, static_cast<long double>(want)), 1);
        EXPECT_EQ(std::signbit(got), std::signbit(want));
      }
    }
  }
}

TEST(Math, SpecialValues) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  EXPECT_EQ(Exp(-inf), 0.f);
  EXPECT_EQ(Exp(inf), inf);
  EXPECT_TRUE(std::isnan(Exp(nan)));
  EXPECT_EQ(Log(0.f), -inf);
  EXPECT_EQ(Log(inf), inf);
  EXPECT_TRUE(std::isnan(Log(-1.f)));
  EXPECT_TRUE(std::isnan(Log(nan)));
  EXPECT_EQ(Tanh(inf), 1.f);
  EXPECT_EQ(Tanh(-inf), -1.f);
  EXPECT_TRUE(std::isnan(Tanh(nan)));
  EXPECT_TRUE(std::isnan(Erf(nan)));
  EXPECT_EQ(Erf(inf), 1.f);
  EXPECT_TRUE(std::isnan(Max(nan, 0.f)));
  EXPECT_EQ(Log1p(inf), inf);
  EXPECT_EQ(Log1p(-1.f), -inf);
  EXPECT_EQ(Softplus(100.f), 100.f);
  EXPECT_EQ(Softplus(-200.f), 0.f);
}

TEST(Math, IntegerDivisionNeverTraps) {
  EXPECT_EQ(DivInt<int32_t>(5, 0), 0);
  EXPECT_EQ(DivInt<int32_t>(INT32_MIN, -1), INT32_MIN);
  EXPECT_EQ(DivInt<int64_t>(INT64_MIN, -1), INT64_MIN);
  EXPECT_EQ(ModInt<int64_t>(INT64_MIN, -1, false), 0);
  EXPECT_EQ(ModInt<int32_t>(-7, 3, false), 2);
  EXPECT_EQ(ModInt<int32_t>(-7, 3, true), -1);
  EXPECT_EQ(ModInt<uint8_t>(7, 0, true), 0);
}

TEST(Math, CastsToIntegersSaturate) {
  EXPECT_EQ(ToInteger<int8_t>(300.f), 127);
  EXPECT_EQ(ToInteger<int8_t>(-300.f), -128);
  EXPECT_EQ(ToInteger<uint8_t>(-1.f), 0);
  EXPECT_EQ(ToInteger<int32_t>(-1.9f), -1);
  EXPECT_EQ(ToInteger<int64_t>(1e30), INT64_MAX);
  EXPECT_EQ(ToInteger<int32_t>(std::nanf("")), 0);
  EXPECT_EQ(ToInteger<uint64_t>(1.8e19), uint64_t{18000000000000000000u});
}

TEST(Math, HalfRoundsAsTheStandardSays) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    Half half;
    half.bits = static_cast<uint16_t>(bits);
    const float value = half;
    if (std::isnan(value)) continue;
    EXPECT_EQ(Half(value).bits, bits);
  }
  EXPECT_EQ(Half(65520.f).bits, 0x7c00);
  EXPECT_EQ(Half(65519.f).bits, 0x7bff);
  EXPECT_EQ(Half(0x1p-25f).bits, 0);
  EXPECT_EQ(Half(0x1.8p-25f).bits, 1);
}

}  // namespace
}  // namespace kedge::kernels
