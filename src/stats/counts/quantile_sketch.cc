// SPDX-License-Identifier: Apache-2.0
#include "stats/counts/quantile_sketch.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "base/check.h"

namespace kedge::stats {

QuantileSketch::QuantileSketch(uint32_t size, double shrink)
    : size_(size), shrink_(shrink), levels_(1) {
  KEDGE_CHECK(size >= 8 && size <= 65'536 && shrink > 0.5 && shrink < 1);
}

Result<QuantileSketch> QuantileSketch::FromLevels(uint32_t size, double shrink,
                                                  std::vector<std::vector<double>> levels) {
  if (size < 8 || size > 65'536 || !(shrink > 0.5 && shrink < 1))
    return InvalidArgument("sketch of size " + std::to_string(size) + " and shrink factor " +
                           std::to_string(shrink));
  if (levels.size() > kSketchLevelsMax)
    return InvalidArgument("sketch has " + std::to_string(levels.size()) + " levels, at most " +
                           std::to_string(kSketchLevelsMax) + " are allowed");
  for (const auto& level : levels) {
    for (const double item : level) {
      if (!std::isfinite(item)) return InvalidArgument("sketch holds a value that is not finite");
    }
  }
  QuantileSketch sketch(size, shrink);
  if (!levels.empty()) sketch.levels_ = std::move(levels);
  return sketch;
}

size_t QuantileSketch::Capacity(size_t level) const {
  const auto below_top = static_cast<double>(levels_.size() - 1 - level);
  return 2 * (static_cast<size_t>(std::ceil(size_ * std::pow(shrink_, below_top) / 2)) + 1);
}

void QuantileSketch::Add(double value) {
  levels_[0].push_back(value);
  if (levels_[0].size() > Capacity(0)) Compact();
}

// Every level that is over its capacity gives half of its items to the next.
void QuantileSketch::Compact() {
  for (size_t level = 0; level < levels_.size(); ++level) {
    if (levels_[level].size() <= Capacity(level)) continue;
    if (level + 1 == levels_.size()) levels_.emplace_back();
    std::vector<double> full = std::exchange(levels_[level], {});
    std::sort(full.begin(), full.end());
    if (full.size() % 2 == 1) {  // a pair is halved, what is left over stays
      levels_[level].push_back(full.back());
      full.pop_back();
    }
    coin_ ^= coin_ << 13;  // xorshift (Marsaglia 2003)
    coin_ ^= coin_ >> 7;
    coin_ ^= coin_ << 17;
    for (size_t i = coin_ & 1; i < full.size(); i += 2) levels_[level + 1].push_back(full[i]);
  }
}

void QuantileSketch::Merge(const QuantileSketch& other) {
  if (levels_.size() < other.levels_.size()) levels_.resize(other.levels_.size());
  for (size_t i = 0; i < other.levels_.size(); ++i) {
    levels_[i].insert(levels_[i].end(), other.levels_[i].begin(), other.levels_[i].end());
  }
  Compact();
}

uint64_t QuantileSketch::rows() const {
  uint64_t rows = 0;
  for (size_t i = 0; i < levels_.size(); ++i) rows += uint64_t{levels_[i].size()} << i;
  return rows;
}

double QuantileSketch::Quantile(double share) const {
  std::vector<std::pair<double, uint64_t>> items;
  for (size_t i = 0; i < levels_.size(); ++i) {
    for (const double item : levels_[i]) items.emplace_back(item, uint64_t{1} << i);
  }
  if (items.empty()) return 0;
  std::sort(items.begin(), items.end());
  const double wanted = share * static_cast<double>(rows());
  uint64_t below = 0;
  for (const auto& [item, weight] : items) {
    below += weight;
    if (static_cast<double>(below) >= wanted) return item;
  }
  return items.back().first;
}

double QuantileSketch::Rank(double value) const {
  uint64_t below = 0;
  for (size_t i = 0; i < levels_.size(); ++i) {
    const auto count = std::count_if(levels_[i].begin(), levels_[i].end(),
                                     [value](double item) { return item <= value; });
    below += static_cast<uint64_t>(count) << i;
  }
  const uint64_t all = rows();
  return all == 0 ? 0 : static_cast<double>(below) / static_cast<double>(all);
}

}  // namespace kedge::stats
