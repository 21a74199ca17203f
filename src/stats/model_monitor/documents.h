// Model Monitor's three files as values: statistics.json, constraints.json and
// constraint_violations.json.
//
// Readers take what all known versions of the service and of its SDK wrote: version 0, 0.0 and
// "1.0", both spellings of monitoringConfigOverrides, the old misspelling comparion_method,
// linf_simple and linf_robust. Members that nobody knows are kept in constraints (people add their
// own) and ignored in statistics, which are computed anew. Writers write the newest documented
// form. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json/json.h"
#include "stats/model_monitor/distance.h"
#include "stats/model_monitor/kll_sketch.h"

namespace kedge::stats::model_monitor {

enum class InferredType { kIntegral, kFractional, kString, kUnknown };
std::string_view NameOf(InferredType type);  // "Integral"
constexpr bool IsNumeric(InferredType type) {
  return type == InferredType::kIntegral || type == InferredType::kFractional;
}

constexpr size_t kFeaturesMax = 1024;  // of one file or dataset
constexpr size_t kDocumentBytesMax = 64u << 20;

// ---- statistics.json ----

struct Bucket {
  double lower_bound = 0;
  double upper_bound = 0;  // the last bucket includes it
  uint64_t count = 0;
  friend bool operator==(const Bucket&, const Bucket&) = default;
};

struct NumericalStatistics {
  double mean = 0;
  double sum = 0;
  double std_dev = 0;  // of the rows themselves (divided by n)
  double min = 0;
  double max = 0;
  std::vector<Bucket> buckets;
  KllSketch sketch;
  friend bool operator==(const NumericalStatistics&, const NumericalStatistics&) = default;
};

struct StringStatistics {
  double distinct_count = 0;  // an estimate above 1,024
  CategoryCounts categories;  // those that were kept
  friend bool operator==(const StringStatistics&, const StringStatistics&) = default;
};

struct FeatureStatistics {
  std::string name;
  InferredType type = InferredType::kUnknown;
  uint64_t present = 0;
  uint64_t missing = 0;
  std::optional<NumericalStatistics> numerical;  // of Integral and Fractional
  std::optional<StringStatistics> text;          // of String
  friend bool operator==(const FeatureStatistics&, const FeatureStatistics&) = default;
};

struct Statistics {
  uint64_t rows = 0;
  std::vector<FeatureStatistics> features;
  // Null if there is none of that name.
  const FeatureStatistics* Find(std::string_view name) const;
  friend bool operator==(const Statistics&, const Statistics&) = default;
};

// kInvalidArgument names the member.
Result<Statistics> ReadStatistics(std::string_view json);
std::string WriteStatistics(const Statistics& statistics);

// ---- constraints.json ----

// monitoring_config, or what a feature overrides of it: what is absent is inherited.
struct MonitoringConfig {
  std::optional<bool> evaluate_constraints;
  std::optional<bool> emit_metrics;
  std::optional<double> datatype_check_threshold;
  std::optional<double> domain_content_threshold;
  std::optional<bool> perform_comparison;
  std::optional<double> comparison_threshold;
  std::optional<ComparisonMethod> comparison_method;
  std::optional<double> categorical_comparison_threshold;
  std::optional<CategoricalMethod> categorical_drift_method;
  friend bool operator==(const MonitoringConfig&, const MonitoringConfig&) = default;
};

// What holds for one feature: its overrides, then the file's, then the documented defaults.
struct EffectiveConfig {
  bool evaluate_constraints = true;
  bool emit_metrics = true;
  double datatype_check_threshold = 0.1;
  double domain_content_threshold = 0.1;
  bool perform_comparison = true;
  double comparison_threshold = 0.1;
  ComparisonMethod comparison_method = ComparisonMethod::kRobust;
  double categorical_comparison_threshold = 0.1;  // comparison_threshold if absent
  CategoricalMethod categorical_drift_method = CategoricalMethod::kLInfinity;
};
EffectiveConfig Effective(const MonitoringConfig& file, const MonitoringConfig& feature);

struct FeatureConstraints {
  std::string name;
  InferredType type = InferredType::kUnknown;
  double completeness = 0;  // the least share of rows that are not null
  std::optional<bool> is_non_negative;
  std::optional<std::vector<std::string>> domains;
  MonitoringConfig overrides;
  json::Object unknown;  // members that are kept
};

struct Constraints {
  std::vector<FeatureConstraints> features;
  MonitoringConfig config;
  json::Object unknown;
  const FeatureConstraints* Find(std::string_view name) const;
};

Result<Constraints> ReadConstraints(std::string_view json);
std::string WriteConstraints(const Constraints& constraints);

// ---- constraint_violations.json ----

struct Violation {
  std::string feature;
  std::string check;  // kDataTypeCheck and so on
  std::string description;
  friend bool operator==(const Violation&, const Violation&) = default;
};
inline constexpr std::string_view kDataTypeCheck = "data_type_check";
inline constexpr std::string_view kCompletenessCheck = "completeness_check";
inline constexpr std::string_view kBaselineDriftCheck = "baseline_drift_check";
inline constexpr std::string_view kMissingColumnCheck = "missing_column_check";
inline constexpr std::string_view kExtraColumnCheck = "extra_column_check";
inline constexpr std::string_view kCategoricalValuesCheck = "categorical_values_check";

Result<std::vector<Violation>> ReadViolations(std::string_view json);
std::string WriteViolations(const std::vector<Violation>& violations);

}  // namespace kedge::stats::model_monitor
