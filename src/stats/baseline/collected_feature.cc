// SPDX-License-Identifier: Apache-2.0
#include "stats/baseline/collected_feature.h"

#include <algorithm>
#include <cmath>

#include "stats/evidence/bet_table.h"

namespace kedge::stats {
namespace {

constexpr size_t kCategoriesCollected = kNamedCategoriesMax + kOtherCategoriesMax;
constexpr double kWholeMax = 0x1p53;

std::string TextOf(double whole) { return std::to_string(static_cast<int64_t>(whole)); }

bool IsWhole(double value) { return std::trunc(value) == value && std::abs(value) <= kWholeMax; }

double ToleranceOf(const BuilderOptions& options, const FeatureBaseline& feature) {
  const double rows = static_cast<double>(feature.values()) / feature.stride;
  return std::min(1.0, std::max(options.tolerance_min, 3 / std::sqrt(std::max(1.0, rows))));
}

}  // namespace

void CollectedFeature::Add(const Cell& cell, std::optional<int64_t> time_ms) {
  last_ = std::numeric_limits<double>::quiet_NaN();
  if (std::holds_alternative<std::monostate>(cell)) {
    ++nulls_;
  } else if (const auto* number = std::get_if<double>(&cell)) {
    AddNumber(*number, time_ms);
  } else {
    has_text_ = true;
    AddCategory(std::get<std::string>(cell));
  }
}

void CollectedFeature::AddCategory(const std::string& text) {
  distinct_.Add(HashOf(text));
  if (first_category_.empty()) first_category_ = text;
  if (codes_.size() < kKeptValues) codes_.push_back(text == first_category_ ? 1 : 0);
  const auto found = categories_.find(text);
  if (found != categories_.end()) {
    ++found->second;
  } else if (categories_.size() < kCategoriesCollected) {
    categories_.emplace(text, 1);
  } else {
    categories_full_ = true;
  }
}

void CollectedFeature::AddNumber(double value, std::optional<int64_t> time_ms) {
  if (std::isnan(value)) {
    ++nans_;
    return;
  }
  last_ = value;
  ++values_;
  all_whole_ = all_whole_ && IsWhole(value);
  if (all_whole_ && !categories_full_) AddCategory(TextOf(value));
  if (std::isinf(value)) {
    ++(value < 0 ? below_all_ : above_all_);
    return;
  }
  const bool first = sketch_.rows() == 0;
  min_ = first ? value : std::min(min_, value);
  max_ = first ? value : std::max(max_, value);
  sum_ += value;
  sketch_.Add(value);
  if (kept_.size() >= kKeptValues) return;
  run_ = !kept_.empty() && kept_.back() == value ? run_ + 1 : 1;
  run_max_ = std::max(run_max_, run_);
  kept_.push_back(value);
  if (time_ms) times_.push_back(*time_ms);
}

bool CollectedFeature::BecomesCategorical(const BuilderOptions& options) const {
  if (wanted_.categorical || IsCategorical(wanted_.use.statistic) || has_text_) return true;
  if (wanted_.use.statistic != Statistic::kColumn || !all_whole_ || categories_full_) return false;
  return categories_.size() <= options.categories_max && values_ >= 20 * categories_.size();
}

std::optional<FeatureBaseline> CollectedFeature::Finish(const BuilderOptions& options,
                                                        std::vector<BuilderNote>& notes) const {
  if (values_ == 0 && categories_.empty()) {
    notes.push_back({wanted_.name, "left out: it has no value"});
    return std::nullopt;
  }
  return BecomesCategorical(options) ? FinishCategorical(options, notes)
                                     : FinishNumeric(options, notes);
}

std::optional<FeatureBaseline> CollectedFeature::FinishCategorical(
    const BuilderOptions& options, std::vector<BuilderNote>& notes) const {
  if (categories_full_ || (has_text_ && values_ > 0) || !all_whole_) {
    notes.push_back({wanted_.name, "left out: an identifier or free text, about " +
                                       std::to_string(std::llround(distinct_.Estimate())) +
                                       " different values"});
    return std::nullopt;
  }
  FeatureBaseline feature{.name = wanted_.name, .use = wanted_.use, .categorical = true};
  std::vector<std::pair<std::string, uint64_t>> sorted;
  for (const auto& [text, count] : categories_) {
    if (text.empty() || text.size() > kCategoryBytesMax) {
      notes.push_back({wanted_.name, "left out: texts of 0 or more than 64 bytes"});
      return std::nullopt;
    }
    sorted.emplace_back(text, count);
  }
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  uint64_t others = 0;
  for (const auto& [text, count] : sorted) {
    if (feature.categories.size() < kNamedCategoriesMax) {
      feature.categories.push_back(text);
      feature.counts.push_back(count);
    } else {
      feature.known_others.push_back(text);
      others += count;
    }
  }
  feature.counts.push_back(others);
  feature.counts.push_back(0);
  feature.nulls = nulls_;
  feature.nans = nans_;
  if (options.ordered) feature.stride = DecorrelationStride(codes_);
  feature.tolerance = ToleranceOf(options, feature);
  return feature;
}

// Cut i is the value at rank floor(q n): without ties the counts of a feature follow from n alone,
// so that features of equally many values share one table of bets.
void CollectedFeature::CutExactly(std::vector<double> values, FeatureBaseline& feature) const {
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 0; i < kCuts; ++i) {
    const auto rank =
        static_cast<size_t>(kBaselineQuantiles[i] * static_cast<double>(sorted.size()));
    feature.cuts[i] = sorted[std::min(rank, sorted.size() - 1)];
  }
  for (const double value : values) ++feature.counts[BinOf(feature.cuts, value)];
}

void CollectedFeature::CutBySketch(FeatureBaseline& feature) const {
  for (size_t i = 0; i < kCuts; ++i) feature.cuts[i] = sketch_.Quantile(kBaselineQuantiles[i]);
  const auto& levels = sketch_.levels();
  for (size_t level = 0; level < levels.size(); ++level) {
    for (const double item : levels[level])
      feature.counts[BinOf(feature.cuts, item)] += uint64_t{1} << level;
  }
}

std::optional<FeatureBaseline> CollectedFeature::FinishNumeric(
    const BuilderOptions& options, std::vector<BuilderNote>& notes) const {
  if (kept_.empty()) {
    notes.push_back({wanted_.name, "left out: it has no finite value"});
    return std::nullopt;
  }
  const auto rows = static_cast<double>(sketch_.rows());
  FeatureBaseline feature{.name = wanted_.name,
                          .use = wanted_.use,
                          .counts = std::vector<uint64_t>(kNumericBins),
                          .nulls = nulls_,
                          .nans = nans_,
                          .mean = sum_ / rows,
                          .min = min_,
                          .max = max_};
  std::vector<double> values = kept_;
  if (times_.size() == kept_.size()) feature.season = MeasureSeason(kept_, times_);
  if (feature.season) {
    for (size_t i = 0; i < values.size(); ++i) values[i] -= feature.season->At(times_[i]);
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    feature.min = *low;
    feature.max = *high;
  }
  double squares = 0;
  for (const double value : values) squares += (value - feature.mean) * (value - feature.mean);
  feature.deviation = std::sqrt(squares / static_cast<double>(values.size()));
  if (!(feature.deviation > 0) || !std::isfinite(feature.deviation)) {
    feature.deviation = 1;
    notes.push_back({wanted_.name, "is constant or too large for its deviation to be a number"});
  }
  if (sketch_.rows() <= kKeptValues || feature.season) {
    CutExactly(values, feature);
  } else {
    CutBySketch(feature);
  }
  feature.counts.front() += below_all_;
  feature.counts.back() += above_all_;
  if (options.ordered) feature.stride = DecorrelationStride(values);
  if (options.ordered && min_ < max_) feature.frozen_max = 2 * run_max_ + 3;
  feature.tolerance = ToleranceOf(options, feature);
  return feature;
}

}  // namespace kedge::stats
