// SPDX-License-Identifier: Apache-2.0
#include "stats/model_monitor/kll_sketch.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace kedge::stats::model_monitor {

KllSketch::KllSketch(KllParameters parameters) : parameters_(parameters), levels_(1) {
  items_max_ = Capacity(0);
}

size_t KllSketch::Capacity(size_t level) const {
  const double share =
      static_cast<double>(parameters_.k) * std::pow(parameters_.c, static_cast<double>(level));
  return 2 * (static_cast<size_t>(std::ceil(share / 2)) + 1);
}

Result<KllSketch> KllSketch::FromLevels(KllParameters parameters,
                                        std::vector<std::vector<double>> levels) {
  if (parameters.k < 1 || parameters.k > 1'000'000) {
    return InvalidArgument("sketch parameter k is " + std::to_string(parameters.k));
  }
  if (!(parameters.c >= 0.1 && parameters.c <= 0.99)) {
    return InvalidArgument("sketch parameter c is " + std::to_string(parameters.c));
  }
  if (levels.size() > kLevelsMax) {
    return InvalidArgument("a sketch has " + std::to_string(levels.size()) + " levels");
  }
  KllSketch sketch(parameters);
  if (!levels.empty()) sketch.levels_ = std::move(levels);
  sketch.items_max_ = 0;
  for (size_t i = 0; i < sketch.levels_.size(); ++i) {
    sketch.items_ += sketch.levels_[i].size();
    sketch.items_max_ += sketch.Capacity(i);
    for (const double value : sketch.levels_[i]) {
      if (!std::isfinite(value))
        return InvalidArgument("a sketch holds a value that is not finite");
    }
  }
  if (sketch.items_ > kItemsMax) {
    return InvalidArgument("a sketch holds " + std::to_string(sketch.items_) + " items");
  }
  return sketch;
}

Result<KllSketch> KllSketch::FromCounts(std::span<const WeightedValue> counts) {
  std::vector<std::vector<double>> levels(1);
  for (const WeightedValue& count : counts) {
    for (size_t level = 0; level < 64 && count.rows >> level != 0; ++level) {
      if ((count.rows >> level & 1) == 0) continue;
      if (levels.size() <= level) levels.resize(level + 1);
      levels[level].push_back(count.value);
    }
  }
  return FromLevels({}, std::move(levels));
}

void KllSketch::Add(double value) {
  KEDGE_CHECK(std::isfinite(value));
  levels_[0].push_back(value);
  if (++items_ > items_max_) Condense();
}

void KllSketch::Condense() {
  for (size_t level = 0; level < levels_.size(); ++level) {
    if (levels_[level].size() < Capacity(level)) continue;
    if (level + 1 == levels_.size()) {
      levels_.emplace_back();
      items_max_ += Capacity(level + 1);
    }
    std::vector<double>& full = levels_[level];
    std::sort(full.begin(), full.end());
    const size_t pairs = full.size() / 2;
    for (size_t i = 0; i < pairs; ++i) {
      levels_[level + 1].push_back(full[2 * i + (odd_next_ ? 1 : 0)]);
    }
    odd_next_ = !odd_next_;
    full.erase(full.begin(), full.begin() + static_cast<std::ptrdiff_t>(2 * pairs));
    items_ -= pairs;
    return;
  }
}

uint64_t KllSketch::rows() const {
  uint64_t rows = 0;
  for (size_t i = 0; i < levels_.size(); ++i) rows += uint64_t{levels_[i].size()} << i;
  return rows;
}

std::vector<WeightedValue> KllSketch::Sample() const {
  std::vector<WeightedValue> sample;
  sample.reserve(items_);
  for (size_t i = 0; i < levels_.size(); ++i) {
    for (const double value : levels_[i]) sample.push_back({value, uint64_t{1} << i});
  }
  std::sort(sample.begin(), sample.end(),
            [](const auto& a, const auto& b) { return a.value < b.value; });
  size_t kept = 0;
  for (size_t i = 0; i < sample.size(); ++i) {
    if (kept > 0 && sample[kept - 1].value == sample[i].value) {
      sample[kept - 1].rows += sample[i].rows;
    } else {
      sample[kept++] = sample[i];
    }
  }
  sample.resize(kept);
  return sample;
}

}  // namespace kedge::stats::model_monitor
