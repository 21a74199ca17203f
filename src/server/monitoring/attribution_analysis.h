// Feature attribution of an execution: captured rows, a packaged model in its sandboxed worker,
// Shapley values of each output.
//
// The analysis configuration is of Clarify's form:
//   {"predictor": {"model_name": "<edge packaging job>", "label_headers": ["cat", "dog"]},
//    "methods": {"shap": {"baseline": [[0, 0, 0]], "num_samples": 200}}}
// Without a baseline the mean of the rows is the reference.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server/jobs/compile_job.h"
#include "server/jobs/runner.h"
#include "stats/model_monitor/rows.h"

namespace kedge::server {

constexpr size_t kExplainedRowsMax = 200;   // the first ones of the window
constexpr size_t kExplainedLabelsMax = 16;  // outputs of the model's first output tensor

struct AttributionViolation {
  std::string label;
  std::string description;
};

class AttributionAnalysis {
 public:
  // kInvalidArgument: no such packaging job, or it is not completed. Borrows context and run.
  static Result<AttributionAnalysis> Make(const JobContext& context, const JobRun& run,
                                          const json::Value& config);
  // Keeps the row's input columns, up to kExplainedRowsMax rows. kInvalidArgument: one is no
  // number, or rows differ in columns.
  Status Add(const stats::model_monitor::Record& record);
  // Runs the model. kInvalidArgument: the columns are not the model's only input; errors of the
  // worker; kCancelled.
  Status Compute();
  // {"version": "1.0", "explanations": {"kernel_shap": {label: {"global_shap_values": {feature:
  // value}}}}}
  json::Value Report() const;
  // Labels whose nDCG against the baseline, a report too, is below 0.9 (kAttributionDriftNdcg).
  // kInvalidArgument.
  Result<std::vector<AttributionViolation>> Check(const json::Value& baseline) const;

 private:
  AttributionAnalysis(const JobContext& context, const JobRun& run)
      : context_(context), run_(run) {}
  std::string LabelName(size_t label) const;
  std::vector<double> Reference() const;

  const JobContext& context_;
  const JobRun& run_;
  std::string package_uri_;
  std::vector<std::string> label_headers_;
  std::vector<double> reference_;  // of the configuration; empty: none
  size_t samples_ = 0;
  std::vector<std::string> features_;
  std::vector<std::vector<double>> rows_;
  std::vector<std::vector<double>> global_;  // one a label
};
std::string WriteAttributionViolations(const std::vector<AttributionViolation>& violations);

}  // namespace kedge::server
