// Which of very many hypotheses to name, at a bounded share of wrong names.
//
// e-BH (Wang and Ramdas, "False discovery rate control with e-values", 2009.02824): of K e-values
// name the k largest for the largest k with e_(k) >= K / (fdr * k). The expected share of wrong
// names is at most `fdr` under ANY dependence of the e-values, which devices in one hall and
// features of one image have.
//
// An e-value of an e-detector is its CURRENT evidence divided by min(steps, horizon)
// (e_detector.h). The running maximum is not one, and putting it in breaks the bound (2501.19360).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace kedge::stats {

struct Discoveries {
  double threshold =
      0;  // every hypothesis whose e-value is >= threshold is named; infinite if none is
  int64_t count = 0;
};

// Names hypotheses.
//   e_values    of some hypotheses, at least 0
//   hypotheses  K, how many were asked about: at least e_values.size(); the others count as e-value
//   0 fdr         in (0, 1)
// Cost: one pass, then a sort of the values >= 1/fdr only: 1.28 million pairs take 0.2 s at worst.
// Allocates.
Discoveries NameByEvidence(std::span<const double> e_values, int64_t hypotheses, double fdr);

}  // namespace kedge::stats
