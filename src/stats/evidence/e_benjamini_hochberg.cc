// SPDX-License-Identifier: Apache-2.0
#include "stats/evidence/e_benjamini_hochberg.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "base/check.h"

namespace kedge::stats {

Discoveries NameByEvidence(std::span<const double> e_values, int64_t hypotheses, double fdr) {
  KEDGE_CHECK(fdr > 0 && fdr < 1);
  KEDGE_CHECK(hypotheses >= static_cast<int64_t>(e_values.size()));
  // With k = K the bar is 1/fdr and it only rises for smaller k, so nothing below can be named.
  std::vector<double> candidates;
  for (const double e : e_values) {
    if (e >= 1 / fdr) candidates.push_back(e);
  }
  std::sort(candidates.begin(), candidates.end(), std::greater<>());
  const double scale = static_cast<double>(hypotheses) / fdr;
  for (auto k = static_cast<int64_t>(candidates.size()); k > 0; --k) {
    const double value = candidates[k - 1];
    if (value >= scale / static_cast<double>(k)) {
      // Ties of the last value are all in `count`: a larger k of the same value would have been met
      // first.
      return {.threshold = value, .count = k};
    }
  }
  return {.threshold = std::numeric_limits<double>::infinity(), .count = 0};
}

}  // namespace kedge::stats
