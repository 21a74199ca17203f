// One batch of counts against a reference: has anything changed, at a stated error rate?
//
// For files and one-off windows (`kedge drift`), where there is no stream to watch and a p-value is
// what is wanted. A batch that is looked at again and again belongs to e_detector.h instead:
// p-values of repeated looks do not add up.
//
// Of each feature four statistics are taken from the same counts, since no one of them sees every
// change:
//   location     mean normal score of the bins, against its deviation in the reference
//   scale        mean squared normal score, likewise
//   bins         chi-squared of the two rows of counts; thin bins are pooled
//   distance     largest gap of the cumulated shares at the cuts (Kolmogorov-Smirnov; conservative
//   on bins)
// Categories have `bins` only. They, and all features of a block, are combined by Cauchy's rule:
// the mean of tan((1/2 - p) pi) has heavy tails that dependence hardly touches, so no correlation
// of features must be known (Liu and Xie 2020, 1808.09011). Against Bonferroni it gains where
// several features move a little. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace kedge::stats {

struct BatchPValues {
  double location = 1;
  double scale = 1;
  double bins = 1;
  double distance = 1;
};

// P-values of a numeric feature; `live` and `reference` have equal sizes (checked). All 1 where
// either is empty.
BatchPValues TestNumeric(std::span<const uint64_t> reference, std::span<const uint64_t> live);

// P-value of a categorical feature; 1 where either is empty.
double TestCategories(std::span<const uint64_t> reference, std::span<const uint64_t> live);

// One p-value from many, whatever their dependence (approximately; exactly as p goes to 0). Weights
// sum to 1; without them all count alike. 1 for none.
double CombinePValues(std::span<const double> p_values, std::span<const double> weights = {});

// P(chi-squared with `freedom` degrees > x), 0 <= x, freedom > 0. Absolute error under 1e-10.
// source: series and continued fraction of the incomplete gamma function, Abramowitz and
// Stegun 6.5.29 and 6.5.31.
double ChiSquaredTail(double x, double freedom);

}  // namespace kedge::stats
