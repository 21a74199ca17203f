// Rows of a bias execution, by an analysis configuration of Clarify's form:
//   {"label": "y", "label_values_or_threshold": [1], "facet": [{"name_or_index": "age",
//   "value_or_threshold": [40]}],
//    "group_variable": "region"}
// A value says which rows belong to the facet. One number on a column with more than two values is
// a threshold: above it they do. The same holds for which labels are favourable.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "stats/model_monitor/bias.h"
#include "stats/model_monitor/rows.h"

namespace kedge::server {

class BiasCollector {
 public:
  // kInvalidArgument names the member.
  static Result<BiasCollector> Make(const json::Value& config);
  // kInvalidArgument: a facet's column is missing, or there are more than kBiasRowsMax rows.
  Status Add(const stats::model_monitor::Record& record, const std::string& label,
             const std::string& prediction);
  // kInvalidArgument: no rows, or a facet without rows on both sides.
  Result<std::vector<stats::model_monitor::FacetBias>> Compute() const;
  const std::string& label() const { return label_; }

 private:
  struct Facet {
    std::string column;
    std::vector<std::string> values;
    std::vector<std::string> cells;  // one a row
  };
  BiasCollector() = default;

  std::string label_;
  std::vector<std::string> favourable_;
  std::string group_column_;
  std::vector<Facet> facets_;
  std::vector<std::string> labels_;
  std::vector<std::string> predictions_;
  std::vector<std::string> groups_;
  std::vector<std::vector<double>>
      features_;  // of the flip test: the numbers of a row, of the first rows
};

}  // namespace kedge::server
