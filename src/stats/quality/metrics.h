// Quality with labels: of classifiers from counts, of regressors from sums. All are additive, so
// windows merge. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace kedge::stats {

// Counts of (predicted, true) class.
class ConfusionMatrix {
 public:
  // classes is 2..1000 (checked).
  explicit ConfusionMatrix(int classes);

  void Add(int predicted, int truth, uint64_t rows = 1) {
    counts_[predicted * classes_ + truth] += rows;
  }
  // Sizes must agree (checked).
  void Merge(const ConfusionMatrix& other);

  int classes() const { return classes_; }
  uint64_t Count(int predicted, int truth) const { return counts_[predicted * classes_ + truth]; }
  std::span<const uint64_t> counts() const { return counts_; }
  uint64_t Rows() const;

  // All 0 where their denominator is 0, as Model Monitor reports them.
  double Accuracy() const;
  double Precision(int truth) const;  // of what was predicted as the class
  double Recall(int truth) const;     // of what is the class
  double FBeta(int truth, double beta) const;
  double FalsePositiveRate(int truth) const;
  // Means over classes weighted by their rows.
  double WeightedPrecision() const;
  double WeightedRecall() const;
  double WeightedFBeta(double beta) const;

 private:
  uint64_t Predicted(int label) const;
  uint64_t Truly(int label) const;

  int classes_;
  std::vector<uint64_t> counts_;
};

// Area under the ROC curve from scores in bins of rising score: ties within a bin count half. Exact
// when every distinct score has its own bin; with bins of the baseline its error is at most half
// the share of pairs in one bin. errors: kInvalidArgument if the sizes differ, kFailedPrecondition
// if one of the two classes has no row.
Result<double> AreaUnderRoc(std::span<const uint64_t> negatives,
                            std::span<const uint64_t> positives);

// The same from raw scores, exact; 0.5 for each tied pair. Allocates a copy of the scores.
// errors: kInvalidArgument if the sizes differ or a score is NaN, kFailedPrecondition as above.
Result<double> AreaUnderRocOfScores(std::span<const double> scores,
                                    std::span<const uint8_t> positive);

// Sums of a regressor. A pair with a value that is not finite is counted as `skipped`.
class RegressionQuality {
 public:
  void Add(double predicted, double truth);
  void Merge(const RegressionQuality& other);

  uint64_t rows() const { return rows_; }
  uint64_t skipped() const { return skipped_; }
  double MeanAbsoluteError() const;
  double MeanSquaredError() const;
  double RootMeanSquaredError() const;
  double RSquared()
      const;  // 1 - squared error / squared deviation of the truth; 0 where the truth is constant

 private:
  uint64_t rows_ = 0;
  uint64_t skipped_ = 0;
  double absolute_ = 0;
  double squared_ = 0;
  double truth_mean_ = 0;
  double truth_squares_ = 0;  // of deviations from the mean
};

}  // namespace kedge::stats
