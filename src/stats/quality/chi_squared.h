// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace kedge::stats {

// P(chi-squared with `freedom` degrees > x), 0 <= x, freedom > 0. Absolute error under 1e-10.
// source: series and continued fraction of the incomplete gamma function, Abramowitz and
// Stegun 6.5.29 and 6.5.31.
double ChiSquaredTail(double x, double freedom);

}  // namespace kedge::stats
