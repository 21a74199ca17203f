// Model quality as Model Monitor reports it: predictions beside labels become metrics with their
// deviation, and metrics beside thresholds become violations.
//
// A metric's standard_deviation is that over 5 random samples of 80 % of the rows, from 200 rows
// on; "NaN" below. *_best_constant_classifier is the metric of a classifier that always gives the
// most frequent label. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json/json.h"

namespace kedge::stats::model_monitor {

enum class ProblemType { kBinary, kMulticlass, kRegression };
// "BinaryClassification" and so on. kInvalidArgument.
Result<ProblemType> ParseProblemType(std::string_view name);

struct LabelledRow {
  std::string label;
  std::string prediction;             // a class or a number; "" where only the probability is known
  std::optional<double> probability;  // of the positive class; of binary problems
};

constexpr size_t kLabelledRowsMax = 500'000;
constexpr size_t kDeviationRowsMin = 200;
constexpr size_t kClassesMax = 256;

struct QualityOptions {
  ProblemType problem = ProblemType::kBinary;
  double threshold = 0.5;  // of the probability, where there is no prediction
  uint64_t seed = 1;       // of the samples
};

// {"version": 0, "dataset": {"item_count", ...}, "<problem>_metrics": {...}}. kInvalidArgument: no
// rows, more than two classes in a binary problem or kClassesMax, a label that is no number in a
// regression.
Result<json::Value> QualityMetrics(const std::vector<LabelledRow>& rows,
                                   const QualityOptions& options);

// Constraints of quality: "<problem>_constraints": {metric: {"threshold", "comparison_operator"}},
// the operators LessThanThreshold and GreaterThanThreshold saying what is a violation.
// kInvalidArgument.
struct QualityViolation {
  std::string metric;
  std::string check;  // the operator
  std::string description;
};
Result<std::vector<QualityViolation>> CheckQuality(const json::Value& constraints,
                                                   const json::Value& metrics);
std::string WriteQualityViolations(const std::vector<QualityViolation>& violations);

}  // namespace kedge::stats::model_monitor
