// Evidence for categories: class counts of a classifier, values of a column.
//
// The null set of a categorical feature is a box: each class's share may move by the larger of
// `tolerance` and three standard errors of the reference, in deviations of the class's own
// indicator (sqrt(p (1 - p)), on the arcsine scale so that rare classes keep an open box). Two
// tests stand on it:
//
// * On a device, two bet tables of 16 bets each (e_detector.h steps them): a group of classes takes
// 15 % of all
//   samples, a group of classes nearly vanishes. With up to 16 classes every class is its own
//   group. A bet is alternative / nearest of the box, the reverse information projection as in
//   null_band.h; for a box that is clipping a/lambda into it.
// * On the server, for a window of counts, the Dirichlet-mixture e-value: the likelihood of the
// counts under a
//   Dirichlet prior, divided by the largest likelihood under the box. It needs no alternative,
//   grows for every change, and is an e-value for the composite null since the denominator is at
//   least the true likelihood (universal inference: Wasserman, Ramdas, Balakrishnan 1912.11436).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "stats/evidence/bet_table.h"
#include "stats/evidence/e_detector.h"

namespace kedge::stats {

struct NullBox {
  int classes = 0;
  std::array<double, kBinsMax> lower{};
  std::array<double, kBinsMax> upper{};
};

// errors: as BetTable::Build.
Result<NullBox> MakeNullBox(std::span<const uint64_t> reference_counts,
                            const BetTableOptions& options = {});

// The box's member that is nearest to `shares` in KL(shares || q), which is also the one under
// which counts in these proportions are likeliest. `shares` sum to 1.
std::array<double, kBinsMax> NearestOfBox(const NullBox& box, std::span<const double> shares);

struct CategoryTables {
  BetTable rises;
  BetTable falls;
};

// errors: as BetTable::Build.
Result<CategoryTables> BuildCategoryTables(std::span<const uint64_t> reference_counts,
                                           const BetTableOptions& options = {});

// Evidence of one categorical feature; the mean of the two detectors.
struct CategoryDetector {
  EDetector rises;
  EDetector falls;

  void Step(const CategoryTables& tables, int category) {
    rises.Step(tables.rises, category);
    falls.Step(tables.falls, category);
  }
  void StepWindow(const CategoryTables& tables, std::span<const uint64_t> counts) {
    rises.StepWindow(tables.rises, counts);
    falls.StepWindow(tables.falls, counts);
  }
  double Evidence() const { return (rises.Evidence() + falls.Evidence()) / 2; }
  void Restart() {
    rises.Restart();
    falls.Restart();
  }
};

// Natural logarithm of the Dirichlet-mixture e-value of one window of counts. The prior is worth
// 1/2 + reference share times `prior_rows` a class. 0 for an empty window.
double LogDirichletEValue(const NullBox& box, std::span<const uint64_t> reference_counts,
                          std::span<const uint64_t> counts, double prior_rows = 32);

}  // namespace kedge::stats
