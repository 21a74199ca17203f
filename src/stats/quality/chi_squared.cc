// SPDX-License-Identifier: Apache-2.0
#include "stats/quality/chi_squared.h"

#include <algorithm>
#include <cmath>
#include <math.h>

namespace kedge::stats {

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
