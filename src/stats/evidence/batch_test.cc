// SPDX-License-Identifier: Apache-2.0
#include "stats/evidence/batch_test.h"

#include <algorithm>
#include <cmath>
#include <math.h>
#include <numbers>
#include <numeric>

#include "base/check.h"
#include "stats/evidence/null_band.h"

namespace kedge::stats {
namespace {

constexpr double kLeastExpected = 4;  // samples of the smaller side in a pooled bin

double Sum(std::span<const uint64_t> counts) {
  return static_cast<double>(std::accumulate(counts.begin(), counts.end(), uint64_t{0}));
}

// Two-sided p-value of a standardised statistic of skewness `skew`, by Pearson's type III curve:
// means of squared scores over a hundred samples are skewed enough that the normal curve would
// alarm half as often again as it says.
double TwoSided(double z, double skew) {
  if (std::abs(skew) < 0.02) return std::erfc(std::abs(z) / std::numbers::sqrt2);
  const double freedom = 8 / (skew * skew);
  const double x = freedom + (skew > 0 ? z : -z) * std::sqrt(2 * freedom);
  const double upper = x > 0 ? ChiSquaredTail(x, freedom) : 1;
  return std::min(1.0, 2 * std::min(upper, 1 - upper));
}

// P-value of the difference of the means of `scores` between live and reference; spread and
// skewness are the reference's, as the batch may be too small to know its own.
double MeanPValue(std::span<const uint64_t> reference, std::span<const uint64_t> live,
                  std::span<const double> scores) {
  const double rows = Sum(reference);
  const double n = Sum(live);
  double mean = 0, live_mean = 0;
  for (size_t b = 0; b < scores.size(); ++b) {
    mean += static_cast<double>(reference[b]) / rows * scores[b];
    live_mean += static_cast<double>(live[b]) / n * scores[b];
  }
  double variance = 0, cubes = 0;
  for (size_t b = 0; b < scores.size(); ++b) {
    const double share = static_cast<double>(reference[b]) / rows;
    const double away = scores[b] - mean;
    variance += share * away * away;
    cubes += share * away * away * away;
  }
  if (variance <= 1e-12) return 1;
  // The difference of two means of independent samples: cumulants add, the third with its sign.
  const double spread = variance * (1 / n + 1 / rows);
  const double third = cubes * (1 / (n * n) - 1 / (rows * rows));
  return TwoSided((live_mean - mean) / std::sqrt(spread), third / std::pow(spread, 1.5));
}

double BinsPValue(std::span<const uint64_t> reference, std::span<const uint64_t> live) {
  const double rows = Sum(reference);
  const double n = Sum(live);
  const double smaller = std::min(rows, n) / (rows + n);
  double statistic = 0;
  int bins = 0;
  double reference_pool = 0, live_pool = 0;
  double left = rows + n;  // not yet pooled
  for (size_t b = 0; b < live.size(); ++b) {
    reference_pool += static_cast<double>(reference[b]);
    live_pool += static_cast<double>(live[b]);
    left -= static_cast<double>(reference[b] + live[b]);
    const double both = reference_pool + live_pool;
    const bool last = b + 1 == live.size();
    // A bin is closed when it is thick enough and what is left can fill another one.
    if (!last && (both * smaller < kLeastExpected || left * smaller < kLeastExpected)) continue;
    if (both > 0) {
      const double expected = both * n / (rows + n);
      const double gap = live_pool - expected;
      statistic += gap * gap / expected + gap * gap / (both - expected);
      ++bins;
    }
    reference_pool = live_pool = 0;
  }
  return bins > 1 ? ChiSquaredTail(statistic, bins - 1) : 1;
}

double DistancePValue(std::span<const uint64_t> reference, std::span<const uint64_t> live) {
  const double rows = Sum(reference);
  const double n = Sum(live);
  double below = 0, live_below = 0, widest = 0;
  for (size_t b = 0; b < live.size(); ++b) {
    below += static_cast<double>(reference[b]) / rows;
    live_below += static_cast<double>(live[b]) / n;
    widest = std::max(widest, std::abs(below - live_below));
  }
  // Kolmogorov's distribution with Stephens' correction.
  const double root = std::sqrt(rows * n / (rows + n));
  const double x = (root + 0.12 + 0.11 / root) * widest;
  double p = 0;
  for (int k = 1; k <= 100; ++k) p += (k % 2 == 1 ? 2 : -2) * std::exp(-2 * k * k * x * x);
  return x < 0.2 ? 1 : std::clamp(p, 0.0, 1.0);
}

}  // namespace

BatchPValues TestNumeric(std::span<const uint64_t> reference, std::span<const uint64_t> live) {
  KEDGE_CHECK(reference.size() == live.size() && live.size() <= kBinsMax);
  const double rows = Sum(reference);
  if (rows == 0 || Sum(live) == 0) return {};
  std::array<double, kBinsMax> scores{}, squares{};
  double below = 0;
  for (size_t b = 0; b < live.size(); ++b) {
    // Middle of the bin, with one sample of both tails kept out of infinity.
    const double middle = (below + static_cast<double>(reference[b]) / 2 + 0.5) / (rows + 1);
    scores[b] = NormalQuantile(middle);
    squares[b] = scores[b] * scores[b];
    below += static_cast<double>(reference[b]);
  }
  return {.location = MeanPValue(reference, live, {scores.data(), live.size()}),
          .scale = MeanPValue(reference, live, {squares.data(), live.size()}),
          .bins = BinsPValue(reference, live),
          .distance = DistancePValue(reference, live)};
}

double TestCategories(std::span<const uint64_t> reference, std::span<const uint64_t> live) {
  KEDGE_CHECK(reference.size() == live.size());
  return Sum(reference) == 0 || Sum(live) == 0 ? 1 : BinsPValue(reference, live);
}

double CombinePValues(std::span<const double> p_values, std::span<const double> weights) {
  KEDGE_CHECK(weights.empty() || weights.size() == p_values.size());
  if (p_values.empty()) return 1;
  double sum = 0;
  for (size_t i = 0; i < p_values.size(); ++i) {
    // A p-value of exactly 1 (a distance of 0, a statistic that could not be formed) must not veto
    // all others.
    const double p = std::clamp(p_values[i], 1e-300, 0.99);
    const double weight = weights.empty() ? 1 / static_cast<double>(p_values.size()) : weights[i];
    // tan((1/2 - p) pi) loses all digits for small p, where it is 1 / (p pi).
    sum +=
        weight * (p < 1e-8 ? 1 / (p * std::numbers::pi) : std::tan((0.5 - p) * std::numbers::pi));
  }
  if (sum > 1e8) return 1 / (sum * std::numbers::pi);
  return std::clamp(0.5 - std::atan(sum) / std::numbers::pi, 0.0, 1.0);
}

double ChiSquaredTail(double x, double freedom) {
  // The regularised upper incomplete gamma function Q(freedom/2, x/2): series below, Lentz's
  // continued fraction above.
  const double a = freedom / 2;
  const double y = x / 2;
  if (y <= 0) return 1;
  int sign = 0;
  const double scale = std::exp(a * std::log(y) - y - ::lgamma_r(a, &sign));
  if (y < a + 1) {
    double term = 1 / a, sum = term;
    for (int i = 1; i < 10000 && term > sum * 1e-16; ++i) {
      term *= y / (a + i);
      sum += term;
    }
    return std::clamp(1 - sum * scale, 0.0, 1.0);
  }
  double b = y + 1 - a, c = 1e300, d = 1 / b, fraction = d;
  for (int i = 1; i < 10000; ++i) {
    const double an = -i * (i - a);
    b += 2;
    d = 1 / (an * d + b);
    c = b + an / c;
    fraction *= c * d;
    if (std::abs(c * d - 1) < 1e-15) break;
  }
  return std::clamp(fraction * scale, 0.0, 1.0);
}

}  // namespace kedge::stats
