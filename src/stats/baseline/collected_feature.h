// The values of one feature while a baseline is made, and what becomes of them. Internal to the
// builder.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "stats/baseline/builder.h"
#include "stats/counts/hyperloglog.h"
#include "stats/counts/quantile_sketch.h"

namespace kedge::stats {

class CollectedFeature {
 public:
  explicit CollectedFeature(WantedFeature wanted) : wanted_(std::move(wanted)) {}

  void Add(const Cell& cell, std::optional<int64_t> time_ms);
  const WantedFeature& wanted() const { return wanted_; }
  double last() const { return last_; }  // NaN if it was no number

  // Nothing, with a note, if the feature cannot be watched.
  std::optional<FeatureBaseline> Finish(const BuilderOptions& options,
                                        std::vector<BuilderNote>& notes) const;

 private:
  void AddNumber(double value, std::optional<int64_t> time_ms);
  void AddCategory(const std::string& text);
  bool BecomesCategorical(const BuilderOptions& options) const;
  std::optional<FeatureBaseline> FinishCategorical(const BuilderOptions& options,
                                                   std::vector<BuilderNote>& notes) const;
  std::optional<FeatureBaseline> FinishNumeric(const BuilderOptions& options,
                                               std::vector<BuilderNote>& notes) const;
  void CutExactly(std::vector<double> values, FeatureBaseline& feature) const;
  void CutBySketch(FeatureBaseline& feature) const;

  WantedFeature wanted_;
  std::vector<double> kept_;    // finite ones, in their order
  std::vector<int64_t> times_;  // of kept_, if every value had one
  std::vector<double> codes_;   // categorical: 1 for the category of the first value
  QuantileSketch sketch_;
  HyperLogLog distinct_;
  std::map<std::string, uint64_t> categories_;  // bounded
  bool categories_full_ = false;
  bool all_whole_ = true;
  bool has_text_ = false;
  std::string first_category_;
  uint64_t values_ = 0;                     // numbers, infinite ones included
  uint64_t below_all_ = 0, above_all_ = 0;  // -inf, +inf
  uint64_t nulls_ = 0;
  uint64_t nans_ = 0;
  double sum_ = 0;
  double min_ = 0, max_ = 0;
  uint32_t run_ = 0, run_max_ = 0;
  double last_ = std::numeric_limits<double>::quiet_NaN();
};

}  // namespace kedge::stats
