// Which features a model's output rests on, estimated by sampling, and whether their order has
// changed.
//
// The Shapley value of a feature is its mean contribution over all orders in which features may be
// revealed. A sampled order gives each feature one contribution: the model's output with the
// features up to it from the row, less that with the features before it, the rest coming from the
// reference row. The estimate is unbiased; its terms add up to output(row) - output(reference)
// exactly in every order. Each order is taken forwards and backwards, which halves the variance of
// monotone models at no cost. Source: Strumbelj, Kononenko, "Explaining prediction models", 2014;
// the drift rule is the service's: nDCG of the global values below 0.9. SPDX-License-Identifier:
// Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace kedge::stats::model_monitor {

// Outputs of one score for many rows, row-major, `features` numbers a row. May fail: the model runs
// elsewhere.
using Model = std::function<Result<std::vector<double>>(std::span<const double> rows)>;

struct ShapleyOptions {
  size_t orders = 16;  // sampled, each taken in both directions
  uint64_t seed = 1;
};

constexpr size_t kShapleyFeaturesMax = 1024;

// One value a feature. kInvalidArgument if row and reference differ in size, are empty or longer
// than kShapleyFeaturesMax, or if the model gives another number of outputs; the model's own error.
Result<std::vector<double>> ShapleyValues(const Model& model, std::span<const double> row,
                                          std::span<const double> reference,
                                          const ShapleyOptions& options);

// Mean of the absolute values over rows, one a feature; all rows of equal length (checked).
std::vector<double> GlobalAttribution(const std::vector<std::vector<double>>& rows);

constexpr double kAttributionDriftNdcg = 0.9;
// nDCG of the features in the order of their current attribution, graded by the baseline's: 1 if
// the order is the same. sum over ranks i = 1.. of grade / log2(i + 1), divided by that of the best
// order. 1 if all grades are 0. Sizes must agree (checked).
double AttributionNdcg(std::span<const double> baseline, std::span<const double> current);

}  // namespace kedge::stats::model_monitor
