// What a monitor holds of one feature, small enough that 128 of them fit 64 KiB. Internal.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "stats/baseline/baseline.h"
#include "stats/evidence/categories.h"
#include "stats/evidence/e_detector.h"

namespace kedge::stats {

inline constexpr uint16_t kNone = 0xffff;

struct WatchedFeature {
  // Numeric: cut points in units of kMomentUnit a deviation, as floats. Rounding is monotone, so a
  // value moves over a cut only if it is within 1e-7 of it.
  std::array<float, kCuts> cuts{};
  float low = 0;  // the baseline's range in the same units
  float high = 0;
  uint32_t stride = 1;
  double mean = 0;
  double per_deviation = 1;  // kMomentUnit / deviation
  double last = std::numeric_limits<double>::quiet_NaN();
  uint64_t steps = 0;  // of the e-detector since it was restarted
  uint32_t until_step = 1;
  uint32_t run = 0;  // equal values in a row
  uint32_t frozen_max = 0;
  uint32_t waiting = 0;  // values since the last report
  uint16_t table = 0;    // of bets, in the list of its kind
  uint16_t season = kNone;
  uint16_t categories = kNone;
  uint16_t falls = kNone;  // categorical: its second detector

  bool categorical() const { return categories != kNone; }
};

// From a category's number to its bin.
class CategoryBins {
 public:
  explicit CategoryBins(const FeatureBaseline& feature);

  size_t unseen() const { return unseen_; }
  // NaN and what no list holds: unseen().
  size_t BinOf(double number) const;
  size_t MemoryBytes() const { return sizeof *this + entries_.capacity() * sizeof entries_[0]; }

 private:
  struct Entry {
    double number;
    uint8_t bin;
  };
  std::vector<Entry> entries_;  // sorted
  size_t unseen_;
};

}  // namespace kedge::stats
