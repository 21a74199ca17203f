// Bias metrics, before training (of labels) and after it (of predictions), as Model Monitor and
// Clarify name them.
//
// Rows belong to facet a or d; d is the one that may be at a disadvantage. A label is favourable
// (1) or not (0). Written with q = share of favourable labels, n = rows, an apostrophe for
// predictions, TP and so on per facet:
//
//   CI    (na - nd) / (na + nd)                 DPPL   q'a - q'd
//   DPL   qa - qd                               DI     q'd / q'a
//   KL    sum Pa ln(Pa / Pd)                    DCAcc  n1a / n'1a - n1d / n'1d
//   JS    mean of KL of both against their mean DCR    n0d / n'0d - n0a / n'0a
//   LP    Euclidean distance of Pa and Pd       AD     accuracy a - accuracy d
//   TVD   half the sum of |Pa - Pd|             RD     recall a - recall d
//   KS    max |Pa - Pd|                         DAR    precision a - precision d
//   CDDL  mean over groups of n0d/n0 - n1d/n1   DRR    TNd / n'0d - TNa / n'0a
//                                               SD     specificity d - specificity a
//                                               TE     FNd / FPd - FNa / FPa
//                                               CDDPL  CDDL of predictions
//                                               FT     (F+ - F-) / nd over the nearest rows of a
//                                               GE     generalised entropy of b = y' - y + 1, alpha
//                                               2
// A metric whose denominator is 0 is absent. Source: Hardt et al., "Amazon SageMaker Clarify", KDD
// 2021, and the service's definitions. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json/json.h"

namespace kedge::stats::model_monitor {

struct BiasRow {
  bool in_facet = false;  // of d
  bool label = false;     // favourable
  bool predicted = false;
  std::string group;             // of the conditional metrics; all equal: one group
  std::vector<double> features;  // of the flip test; empty: no flip test
};

constexpr size_t kBiasRowsMax = 500'000;
constexpr size_t kFlipRowsMax = 2'000;  // of each facet, the first ones
constexpr size_t kFlipNeighbours = 5;

using BiasMetrics = std::map<std::string, double>;
BiasMetrics PreTrainingBias(const std::vector<BiasRow>& rows);
BiasMetrics PostTrainingBias(const std::vector<BiasRow>& rows);

// One facet of an analysis.
struct FacetBias {
  std::string facet;
  std::string value;
  BiasMetrics metrics;
};
// {"version": "1.0", "<stage>": {"label", "facets": {facet: [{"value_or_threshold", "metrics":
// [{"name", "value"}]}]}}}
json::Value BiasAnalysis(std::string_view stage, const std::string& label,
                         const std::vector<FacetBias>& facets);

struct BiasViolation {
  std::string facet;
  std::string facet_value;
  std::string metric;
  std::string description;
};
// Metrics that are farther from no bias (1 for DI, else 0) than in the baseline, which is an
// analysis too. kInvalidArgument.
Result<std::vector<BiasViolation>> CheckBias(const json::Value& baseline,
                                             const std::vector<FacetBias>& current);
std::string WriteBiasViolations(const std::vector<BiasViolation>& violations);

}  // namespace kedge::stats::model_monitor
