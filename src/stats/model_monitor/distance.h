// How far two distributions are apart, as Model Monitor's analyser (Deequ) says it.
//
//   Simple     D = max |F1(x) - F2(x)| over the values of both samples
//   Robust     max(0, D - 1.8 * sqrt((n + m) / (n * m))): what of D two samples of these sizes do
//   not explain (alpha about 0.003) LInfinity  the same two with shares of categories in place of F
//   ChiSquared Pearson's test of the current counts against the baseline's shares, after small
//   categories were joined
// Source: the published Distance of awslabs/deequ; D.E. Knuth, The Art of Computer Programming,
// volume 2, 3.3.1 (15). SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>

#include "stats/model_monitor/kll_sketch.h"

namespace kedge::stats::model_monitor {

enum class ComparisonMethod { kSimple, kRobust };
enum class CategoricalMethod { kLInfinity, kChiSquared };

using CategoryCounts = std::map<std::string, uint64_t>;

// 0..1; both samples sorted by value. Nothing if one is empty.
std::optional<double> NumericalDistance(std::span<const WeightedValue> a,
                                        std::span<const WeightedValue> b, ComparisonMethod method);
// 0..1. Nothing if one is empty.
std::optional<double> CategoricalDistance(const CategoryCounts& a, const CategoryCounts& b,
                                          ComparisonMethod method);

struct ChiSquared {
  double statistic = 0;
  double p_value = 1;
  size_t categories = 0;  // after joining; one more than the degrees of freedom
};
// Of the current counts against the expected ones. Categories that the baseline does not have are
// left out (the check of domains is theirs). Small ones are joined, the smallest with the next:
// until both of two are expected 10 times, or of more at most 20 % less than 5 times. Nothing if
// less than two remain or one side is empty.
std::optional<ChiSquared> ChiSquaredOf(const CategoryCounts& current,
                                       const CategoryCounts& expected);

}  // namespace kedge::stats::model_monitor
