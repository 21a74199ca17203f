// SPDX-License-Identifier: Apache-2.0
#include "stats/model_monitor/distance.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "stats/evidence/batch_test.h"

namespace kedge::stats::model_monitor {
namespace {

constexpr double kRobustFactor = 1.8;
constexpr double kFewExpected = 5;           // of more than two categories...
constexpr double kFewCategoriesShare = 0.2;  // ...this share may be expected less often
constexpr double kFewExpectedOfTwo = 10;

double Select(double distance, double n, double m, ComparisonMethod method) {
  if (method == ComparisonMethod::kSimple) return distance;
  return std::max(0.0, distance - kRobustFactor * std::sqrt((n + m) / (n * m)));
}

uint64_t Sum(std::span<const WeightedValue> sample) {
  uint64_t sum = 0;
  for (const WeightedValue& item : sample) sum += item.rows;
  return sum;
}

uint64_t Sum(const CategoryCounts& counts) {
  uint64_t sum = 0;
  for (const auto& [name, count] : counts) sum += count;
  return sum;
}

struct Cell {
  double observed = 0;
  double expected = 0;
};

bool TooSmall(const std::vector<Cell>& cells) {
  const bool two = cells.size() == 2;
  const double least = two ? kFewExpectedOfTwo : kFewExpected;
  const auto allowed =
      two ? 0
          : static_cast<std::ptrdiff_t>(kFewCategoriesShare * static_cast<double>(cells.size()));
  return std::count_if(cells.begin(), cells.end(),
                       [&](const Cell& cell) { return cell.expected < least; }) > allowed;
}

// Joins the smallest with the next smallest until the test may be made.
void Join(std::vector<Cell>& cells) {
  const auto smaller = [](const Cell& a, const Cell& b) { return a.expected < b.expected; };
  while (cells.size() >= 2 && TooSmall(cells)) {
    const auto least = std::min_element(cells.begin(), cells.end(), smaller);
    const Cell joined = *least;
    cells.erase(least);
    const auto next = std::min_element(cells.begin(), cells.end(), smaller);
    next->observed += joined.observed;
    next->expected += joined.expected;
  }
}

}  // namespace

std::optional<double> NumericalDistance(std::span<const WeightedValue> a,
                                        std::span<const WeightedValue> b, ComparisonMethod method) {
  const auto n = static_cast<double>(Sum(a));
  const auto m = static_cast<double>(Sum(b));
  if (n == 0 || m == 0) return std::nullopt;
  double distance = 0;
  uint64_t rank_a = 0;
  uint64_t rank_b = 0;
  for (size_t i = 0, j = 0; i < a.size() || j < b.size();) {
    const double value =
        j == b.size() || (i < a.size() && a[i].value < b[j].value) ? a[i].value : b[j].value;
    while (i < a.size() && a[i].value <= value) rank_a += a[i++].rows;
    while (j < b.size() && b[j].value <= value) rank_b += b[j++].rows;
    distance = std::max(
        distance, std::abs(static_cast<double>(rank_a) / n - static_cast<double>(rank_b) / m));
  }
  return Select(distance, n, m, method);
}

std::optional<double> CategoricalDistance(const CategoryCounts& a, const CategoryCounts& b,
                                          ComparisonMethod method) {
  const auto n = static_cast<double>(Sum(a));
  const auto m = static_cast<double>(Sum(b));
  if (n == 0 || m == 0) return std::nullopt;
  const auto share = [](const CategoryCounts& counts, const std::string& name, double all) {
    const auto found = counts.find(name);
    return found == counts.end() ? 0.0 : static_cast<double>(found->second) / all;
  };
  double distance = 0;
  for (const CategoryCounts* counts : {&a, &b}) {
    for (const auto& [name, count] : *counts) {
      distance = std::max(distance, std::abs(share(a, name, n) - share(b, name, m)));
    }
  }
  return Select(distance, n, m, method);
}

std::optional<ChiSquared> ChiSquaredOf(const CategoryCounts& current,
                                       const CategoryCounts& expected) {
  std::vector<Cell> cells;
  double observed_sum = 0;
  for (const auto& [name, count] : expected) {
    const auto found = current.find(name);
    const double observed = found == current.end() ? 0 : static_cast<double>(found->second);
    cells.push_back({observed, static_cast<double>(count)});
    observed_sum += observed;
  }
  const auto expected_sum = static_cast<double>(Sum(expected));
  if (observed_sum == 0 || expected_sum == 0) return std::nullopt;
  for (Cell& cell : cells) cell.expected *= observed_sum / expected_sum;
  Join(cells);
  if (cells.size() < 2) return std::nullopt;
  ChiSquared result{.categories = cells.size()};
  for (const Cell& cell : cells) {
    const double difference = cell.observed - cell.expected;
    if (difference != 0) result.statistic += difference * difference / cell.expected;
  }
  result.p_value = ChiSquaredTail(result.statistic, static_cast<double>(cells.size() - 1));
  return result;
}

}  // namespace kedge::stats::model_monitor
