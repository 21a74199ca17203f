// The quantile sketch that Model Monitor writes into statistics.json, in Deequ's layout.
//
// A row of compactors. An item in compactor i stands for 2^i rows, so rows = sum of 2^i * items. A
// value enters compactor 0; when the sketch holds more items than all its compactors may, the
// lowest full one is sorted and every second item of it goes up. Compactor i may hold 2 * (ceil(k *
// c^i / 2) + 1) items: with k = 2048 and c = 0.64 a sketch of up to 2,050 values is exact. Example:
// 1, 2, 3 give [[1, 2, 3]]; read back, the rank of 2 is 2 of 3. Source: the published
// QuantileNonSample of awslabs/deequ; Karnin, Lang, Liberty, "Optimal Quantile Approximation in
// Streams", 2016. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace kedge::stats::model_monitor {

struct KllParameters {
  int64_t k = 2048;
  double c = 0.64;
  friend bool operator==(const KllParameters&, const KllParameters&) = default;
};

// A value that stands for so many rows.
struct WeightedValue {
  double value = 0;
  uint64_t rows = 0;
  friend bool operator==(const WeightedValue&, const WeightedValue&) = default;
};

class KllSketch {
 public:
  static constexpr size_t kLevelsMax = 48;        // 2^48 rows
  static constexpr size_t kItemsMax = 1'000'000;  // of a sketch that is read

  explicit KllSketch(KllParameters parameters = {});

  // The sketch of a file. kInvalidArgument: k or c out of 1..1,000,000 and 0.1..0.99, too many
  // levels or items, a value that is not finite.
  static Result<KllSketch> FromLevels(KllParameters parameters,
                                      std::vector<std::vector<double>> levels);
  // Counts as a sketch: each value stands in the compactors that are the binary digits of its rows,
  // so n is exact and every reader finds the same distribution. kInvalidArgument as FromLevels.
  static Result<KllSketch> FromCounts(std::span<const WeightedValue> counts);

  // A finite value (checked).
  void Add(double value);

  uint64_t rows() const;
  // Sorted by value, equal values added up.
  std::vector<WeightedValue> Sample() const;
  const KllParameters& parameters() const { return parameters_; }
  const std::vector<std::vector<double>>& levels() const { return levels_; }
  friend bool operator==(const KllSketch& a, const KllSketch& b) {
    return a.parameters_ == b.parameters_ && a.levels_ == b.levels_;
  }

 private:
  size_t Capacity(size_t level) const;
  void Condense();

  KllParameters parameters_;
  std::vector<std::vector<double>> levels_;
  size_t items_ = 0;
  size_t items_max_ = 0;
  bool odd_next_ =
      false;  // which half the next compaction keeps: turns about, so that the errors of two cancel
};

}  // namespace kedge::stats::model_monitor
