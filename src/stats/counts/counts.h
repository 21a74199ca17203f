// What was counted of one model under one baseline: integers only.
//
// Merging is the addition of integers, so it is exact, associative and commutative: a million
// devices, merged in any order and grouping by any engine, give the same bits. A report that comes
// twice must be counted once; its (device, boot, sequence) says which it is, and whoever merges
// remembers those.
//
// All cells of all features stand in one flat array, feature after feature:
//
//   checks[7]  bins[n]  strided[n]        `strided` only for a feature with a decorrelation stride
//
// `strided` holds the bins of every stride-th value: neighbours are as good as independent, so it
// is what is tested, while `bins` is what effects are computed from.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "stats/counts/bins.h"
#include "stats/counts/moments.h"

namespace kedge::stats {

inline constexpr size_t kFeaturesMax = 512;     // of one model
inline constexpr size_t kCategoryBinsMax = 34;  // 32 named categories, other, unseen

// What is counted besides the bins. A value is null, or NaN, or in a bin; infinities are in the
// outer bins and here.
enum class Check : uint8_t {
  kNull,  // missing: an empty field, a row that is too short
  kNan,
  kPositiveInfinity,
  kNegativeInfinity,
  kBelow,  // finite, below everything in the baseline
  kAbove,
  kFrozen,  // repeats its predecessor for longer than anything in the baseline did
};
inline constexpr size_t kChecks = 7;

// How many cells a feature has.
struct FeatureShape {
  uint8_t bins = kNumericBins;  // 2 to kCategoryBinsMax
  bool categorical = false;     // the last two bins are "other" and "unseen"
  bool strided = false;

  size_t cells() const { return kChecks + size_t{bins} * (strided ? 2 : 1); }
  friend bool operator==(const FeatureShape&, const FeatureShape&) = default;
};

// kInvalidArgument for a feature without bins or with too many; kResourceExhausted above
// kFeaturesMax features.
Status CheckShapes(std::span<const FeatureShape> shapes);

// Cell: uint32_t for one report, uint64_t for what is merged. One thread.
template <class Cell>
class Counts {
 public:
  Counts() = default;
  // All zero. The shapes must be ones that CheckShapes accepts.
  explicit Counts(std::vector<FeatureShape> shapes) : shapes_(std::move(shapes)) {
    cells_.assign(PlaceFeatures(), 0);
  }
  // With cells in the order above, as many as the shapes say.
  Counts(std::vector<FeatureShape> shapes, std::vector<Cell> cells)
      : shapes_(std::move(shapes)), cells_(std::move(cells)) {
    KEDGE_CHECK(PlaceFeatures() == cells_.size());
  }

  size_t features() const { return shapes_.size(); }
  const std::vector<FeatureShape>& shapes() const { return shapes_; }

  // Inferences (rows of a batch) looked at, and those that were not of the baseline's types.
  uint64_t samples = 0;
  uint64_t mismatched = 0;

  Cell& check(size_t feature, Check check) {
    return cells_[offsets_[feature] + static_cast<size_t>(check)];
  }
  Cell check(size_t feature, Check check) const {
    return cells_[offsets_[feature] + static_cast<size_t>(check)];
  }
  std::span<Cell> bins(size_t feature) {
    return {cells_.data() + offsets_[feature] + kChecks, shapes_[feature].bins};
  }
  std::span<const Cell> bins(size_t feature) const {
    return {cells_.data() + offsets_[feature] + kChecks, shapes_[feature].bins};
  }
  // Empty for a feature without stride.
  std::span<Cell> strided(size_t feature) {
    const FeatureShape& shape = shapes_[feature];
    return {cells_.data() + offsets_[feature] + kChecks + shape.bins,
            shape.strided ? size_t{shape.bins} : 0};
  }
  std::span<const Cell> strided(size_t feature) const {
    const FeatureShape& shape = shapes_[feature];
    return {cells_.data() + offsets_[feature] + kChecks + shape.bins,
            shape.strided ? size_t{shape.bins} : 0};
  }
  // What may be tested: the strided bins, or all of them if the stride is 1.
  std::span<const Cell> testable(size_t feature) const {
    return shapes_[feature].strided ? strided(feature) : bins(feature);
  }
  // Sum of the bins: values that are neither null nor NaN.
  uint64_t values(size_t feature) const {
    uint64_t sum = 0;
    for (const Cell cell : bins(feature)) sum += cell;
    return sum;
  }

  // Adds what another counted. kInvalidArgument if the shapes differ: the baselines are not the
  // same.
  template <class Other>
  Status Add(const Counts<Other>& other) {
    if (shapes_ != other.shapes())
      return InvalidArgument("counts of " + std::to_string(other.features()) +
                             " features do not fit counts of " + std::to_string(features()));
    samples += other.samples;
    mismatched += other.mismatched;
    const std::span<const Other> from = other.cells();
    for (size_t i = 0; i < cells_.size(); ++i) cells_[i] += static_cast<Cell>(from[i]);
    return {};
  }
  // All zero again, without giving memory back.
  void Clear() {
    samples = mismatched = 0;
    std::fill(cells_.begin(), cells_.end(), Cell{0});
  }

  std::span<Cell> cells() { return cells_; }
  std::span<const Cell> cells() const { return cells_; }

  friend bool operator==(const Counts&, const Counts&) = default;

 private:
  // Fills offsets_; gives the number of cells.
  size_t PlaceFeatures() {
    size_t cells = 0;
    offsets_.reserve(shapes_.size());
    for (const FeatureShape& shape : shapes_) {
      offsets_.push_back(static_cast<uint32_t>(cells));
      cells += shape.cells();
    }
    return cells;
  }

  std::vector<FeatureShape> shapes_;
  std::vector<uint32_t> offsets_;
  std::vector<Cell> cells_;
};

using ReportCounts = Counts<uint32_t>;
using MergedCounts = Counts<uint64_t>;

}  // namespace kedge::stats
