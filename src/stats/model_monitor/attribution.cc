// SPDX-License-Identifier: Apache-2.0
#include "stats/model_monitor/attribution.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "base/check.h"

namespace kedge::stats::model_monitor {
namespace {

// Adds the contributions of one order, which costs features + 1 rows of the model.
Status AddOrder(const Model& model, std::span<const double> row, std::span<const double> reference,
                std::span<const size_t> order, std::vector<double>& sums) {
  const size_t features = row.size();
  std::vector<double> rows;
  rows.reserve((features + 1) * features);
  std::vector<double> mixed(reference.begin(), reference.end());
  rows.insert(rows.end(), mixed.begin(), mixed.end());
  for (const size_t feature : order) {
    mixed[feature] = row[feature];
    rows.insert(rows.end(), mixed.begin(), mixed.end());
  }
  KEDGE_TRY(const std::vector<double> outputs, model(rows));
  if (outputs.size() != features + 1) {
    return InvalidArgument("the model gave " + std::to_string(outputs.size()) + " outputs for " +
                           std::to_string(features + 1) + " rows");
  }
  for (size_t i = 0; i < features; ++i) sums[order[i]] += outputs[i + 1] - outputs[i];
  return {};
}

double Gain(std::span<const double> grades, std::span<const size_t> order) {
  double sum = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    sum += grades[order[i]] / std::log2(static_cast<double>(i) + 2);
  }
  return sum;
}

std::vector<size_t> Ranked(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return values[a] > values[b]; });
  return order;
}

}  // namespace

Result<std::vector<double>> ShapleyValues(const Model& model, std::span<const double> row,
                                          std::span<const double> reference,
                                          const ShapleyOptions& options) {
  if (row.empty() || row.size() != reference.size() || row.size() > kShapleyFeaturesMax) {
    return InvalidArgument("a row of " + std::to_string(row.size()) +
                           " features and a reference of " + std::to_string(reference.size()));
  }
  std::vector<size_t> order(row.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::vector<double> sums(row.size());
  std::mt19937_64 random(options.seed);
  for (size_t i = 0; i < options.orders; ++i) {
    std::shuffle(order.begin(), order.end(), random);
    KEDGE_TRY_STATUS(AddOrder(model, row, reference, order, sums));
    std::reverse(order.begin(), order.end());
    KEDGE_TRY_STATUS(AddOrder(model, row, reference, order, sums));
  }
  for (double& sum : sums) sum /= static_cast<double>(2 * options.orders);
  return sums;
}

std::vector<double> GlobalAttribution(const std::vector<std::vector<double>>& rows) {
  if (rows.empty()) return {};
  std::vector<double> means(rows.front().size());
  for (const std::vector<double>& row : rows) {
    KEDGE_CHECK(row.size() == means.size());
    for (size_t i = 0; i < row.size(); ++i) means[i] += std::abs(row[i]);
  }
  for (double& mean : means) mean /= static_cast<double>(rows.size());
  return means;
}

double AttributionNdcg(std::span<const double> baseline, std::span<const double> current) {
  KEDGE_CHECK(baseline.size() == current.size());
  const double best = Gain(baseline, Ranked(baseline));
  return best == 0 ? 1 : Gain(baseline, Ranked(current)) / best;
}

}  // namespace kedge::stats::model_monitor
