// SPDX-License-Identifier: Apache-2.0
#include "stats/model_monitor/dataset_profile.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace kedge::stats::model_monitor {
namespace {

std::string Kept(std::string_view text) {
  size_t bytes = std::min(text.size(), kCategoryBytesMax);
  // Never in the middle of a character.
  while (bytes < text.size() && bytes > 0 && (static_cast<uint8_t>(text[bytes]) & 0xC0) == 0x80) {
    --bytes;
  }
  return std::string(text.substr(0, bytes));
}

// The finite number that the whole cell is.
std::optional<double> NumberOfCell(std::string_view cell) {
  if (cell.starts_with('+')) {
    cell.remove_prefix(1);
    if (cell.starts_with('-') || cell.starts_with('+')) return std::nullopt;
  }
  double value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error != std::errc() || end != cell.data() + cell.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

InferredType KindOfCell(std::string_view cell) {
  if (!NumberOfCell(cell)) return InferredType::kUnknown;
  const bool digits_only = cell.find_first_not_of("+-0123456789") == std::string_view::npos;
  return digits_only ? InferredType::kIntegral : InferredType::kFractional;
}

void ColumnProfile::AddNumber(double value) {
  const auto before = static_cast<double>(integral_ + fractional_ - 1);  // counted already
  min_ = before == 0 ? value : std::min(min_, value);
  max_ = before == 0 ? value : std::max(max_, value);
  const double delta = value - mean_;
  mean_ += delta / (before + 1);
  squares_ += delta * (value - mean_);
  sum_ += value;
  if (value < 0) ++negative_;
  sketch_.Add(value);
}

void ColumnProfile::Add(std::string_view cell) {
  const InferredType kind = KindOfCell(cell);
  if (kind == InferredType::kIntegral) ++integral_;
  if (kind == InferredType::kFractional) ++fractional_;
  if (kind == InferredType::kUnknown) {
    ++other_;
  } else {
    AddNumber(*NumberOfCell(cell));
  }
  distinct_.Add(HashOf(cell));
  std::string text = Kept(cell);
  if (const auto found = categories_.find(text); found != categories_.end()) {
    ++found->second;
  } else if (categories_.size() < kCategoriesMax) {
    categories_.emplace(std::move(text), 1);
  }
}

InferredType ColumnProfile::type() const {
  if (other_ > 0) return InferredType::kString;
  if (fractional_ > 0) return InferredType::kFractional;
  return integral_ > 0 ? InferredType::kIntegral : InferredType::kUnknown;
}

uint64_t ColumnProfile::Matching(InferredType wanted) const {
  if (wanted == InferredType::kIntegral) return integral_;
  if (wanted == InferredType::kFractional) return integral_ + fractional_;
  return present();
}

std::optional<NumericalStatistics> ColumnProfile::Numerical() const {
  const uint64_t numbers = integral_ + fractional_;
  if (numbers == 0) return std::nullopt;
  return NumericalStatistics{.mean = sum_ / static_cast<double>(numbers),
                             .sum = sum_,
                             .std_dev = std::sqrt(squares_ / static_cast<double>(numbers)),
                             .min = min_,
                             .max = max_,
                             .buckets = BucketsOf(sketch_.Sample(), min_, max_),
                             .sketch = sketch_};
}

StringStatistics ColumnProfile::Text() const {
  const bool all_kept = categories_.size() < kCategoriesMax;
  return {.distinct_count = all_kept ? static_cast<double>(categories_.size())
                                     : std::max(std::round(distinct_.Estimate()),
                                                static_cast<double>(categories_.size())),
          .categories = categories_};
}

uint64_t ColumnProfile::Outside(std::span<const std::string> sorted_domain) const {
  uint64_t inside = 0;
  for (const auto& [text, count] : categories_) {
    if (std::binary_search(sorted_domain.begin(), sorted_domain.end(), text)) inside += count;
  }
  return present() - inside;
}

std::vector<Bucket> BucketsOf(std::span<const WeightedValue> sample, double min, double max) {
  std::vector<Bucket> buckets(kBuckets);
  for (int i = 0; i < kBuckets; ++i) {
    auto& bucket = buckets[static_cast<size_t>(i)];
    bucket.lower_bound = min + (max - min) * i / kBuckets;
    bucket.upper_bound = i + 1 == kBuckets ? max : min + (max - min) * (i + 1) / kBuckets;
  }
  for (const WeightedValue& item : sample) {
    size_t i = 0;
    while (i + 1 < buckets.size() && item.value >= buckets[i].upper_bound) ++i;
    buckets[i].count += item.rows;
  }
  return buckets;
}

Result<size_t> DatasetProfile::IndexOf(std::string_view column) {
  std::string name(column);
  if (const auto found = index_.find(name); found != index_.end()) return found->second;
  if (columns_.size() == kFeaturesMax) {
    return InvalidArgument("the rows have more than " + std::to_string(kFeaturesMax) + " columns");
  }
  index_.emplace(name, columns_.size());
  columns_.push_back({std::move(name), {}});
  return columns_.size() - 1;
}

Status DatasetProfile::Add(std::string_view column, std::string_view cell) {
  KEDGE_TRY(const size_t index, IndexOf(column));
  if (!cell.empty()) columns_[index].profile.Add(cell);
  return {};
}

Status DatasetProfile::Declare(std::string_view column) {
  KEDGE_TRY([[maybe_unused]] const size_t index, IndexOf(column));
  return {};
}

const ColumnProfile* DatasetProfile::Find(std::string_view name) const {
  const auto found = index_.find(std::string(name));
  return found == index_.end() ? nullptr : &columns_[found->second].profile;
}

Statistics DatasetProfile::ToStatistics() const {
  Statistics statistics{.rows = rows_, .features = {}};
  for (const Column& column : columns_) {
    FeatureStatistics feature{.name = column.name,
                              .type = column.profile.type(),
                              .present = column.profile.present(),
                              .missing = rows_ - column.profile.present(),
                              .numerical = std::nullopt,
                              .text = std::nullopt};
    if (IsNumeric(feature.type)) feature.numerical = column.profile.Numerical();
    if (feature.type == InferredType::kString) feature.text = column.profile.Text();
    statistics.features.push_back(std::move(feature));
  }
  return statistics;
}

Constraints DatasetProfile::Suggest() const {
  Constraints constraints;
  constraints.config = {.evaluate_constraints = true,
                        .emit_metrics = true,
                        .datatype_check_threshold = 1.0,
                        .domain_content_threshold = 1.0,
                        .perform_comparison = true,
                        .comparison_threshold = 0.1,
                        .comparison_method = ComparisonMethod::kRobust,
                        .categorical_comparison_threshold = 0.1,
                        .categorical_drift_method = CategoricalMethod::kLInfinity};
  for (const Column& column : columns_) {
    const ColumnProfile& profile = column.profile;
    FeatureConstraints feature{.name = column.name, .type = profile.type()};
    if (rows_ > 0) {
      feature.completeness = static_cast<double>(profile.present()) / static_cast<double>(rows_);
    }
    if (IsNumeric(feature.type)) feature.is_non_negative = profile.negative() == 0;
    if (feature.type == InferredType::kString) {
      const StringStatistics text = profile.Text();
      if (text.distinct_count <= kDomainMax &&
          text.distinct_count <= kDomainShareMax * static_cast<double>(rows_)) {
        feature.domains.emplace();
        for (const auto& [value, count] : text.categories) feature.domains->push_back(value);
      }
    }
    constraints.features.push_back(std::move(feature));
  }
  return constraints;
}

}  // namespace kedge::stats::model_monitor
