// Accuracy of a classifier on live data without labels, from counts that devices send anyway.
//
// Two estimates that hold under two assumptions, and a check of which one the counts allow:
//
//   CBPE  (confidence-based; Garg et al. 2201.04234, intervals as 2505.05295.) Of live samples in
//   score bin b the share
//         `correct_b / rows_b` of the labelled reference is right. Holds when inputs moved but the
//         label of an input did not (covariate shift), as far as a score says the same as before.
//   BBSE  (black-box shift estimation; Lipton, Wang, Smola 1802.03916.) The weights w of the
//   classes solve
//         C w = mu, C[i][j] = P(predicted i, true j) of the reference, mu the live share of
//         predictions; accuracy is sum of w_j C[j][j]. Holds when only the mix of classes moved
//         (label shift).
//
// Under label shift the score bins of live samples are the mixture sum_j w_j P(bin, true j) of the
// reference: a chi-squared test of the live score counts against that mixture rejects label shift.
// What comes out:
//
//   scores as before                     -> CBPE (both agree)
//   scores moved, label shift fits       -> BBSE
//   scores moved, label shift rejected   -> CBPE
//
// What no method can see without labels: the same inputs with other labels (concept drift with P(x)
// unchanged) leaves every count as it was. So there are two flags: `outside` here, raised by counts
// alone, when the live data has left what the reference can say anything about; and the audit of
// audit.h, which needs a few labels and tests the very sentence CBPE rests on. A score histogram's
// bins are the baseline's bins of the top probability. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace kedge::stats {

inline constexpr int kQualityClassesMax = 1000;

// What the labelled reference says. All counts are of the same rows.
struct QualityReference {
  int classes = 0;
  int score_bins = 0;
  std::vector<uint64_t> confusion;       // [predicted * classes + true]
  std::vector<uint64_t> score_by_class;  // [true * score_bins + bin of the top probability]
  std::vector<uint64_t> score_correct;   // [bin]: rows of the bin whose prediction was right

  uint64_t Confusion(int predicted, int truth) const {
    return confusion[predicted * classes + truth];
  }
  uint64_t ScoreRows(int bin) const;
  uint64_t Rows() const;
};

// errors: kInvalidArgument if sizes do not agree, classes are not 2..1000, there is no row, the two
// tables count different numbers of rows or a class, or more rows of a bin are right than there
// are.
Status Validate(const QualityReference& reference);

// A value with its 95 % interval, clamped to [0, 1].
struct QualityEstimate {
  double value = 0;
  double lower = 0;
  double upper = 1;
};

// What score bins promise: the share of right predictions of every bin of the reference. A bin
// without rows takes the mean of its nearest neighbours that have some.
std::vector<double> SharesCorrect(const QualityReference& reference);

// Accuracy of the samples behind `live_scores`, by bin. The interval covers what the reference does
// not know exactly and that the window is finite. Empty window: value 0, [0, 1].
QualityEstimate EstimateByConfidence(const QualityReference& reference,
                                     std::span<const uint64_t> live_scores);

struct LabelShift {
  std::vector<double> weights;  // live share / reference share of each true class, >= 0
  QualityEstimate accuracy;
  double score_p_value = 1;  // of the live scores under the mixture of classes with these weights
};

// errors: kInvalidArgument if sizes do not agree, kFailedPrecondition if the confusion matrix is
// singular (two classes are never told apart) or there is no live sample.
Result<LabelShift> EstimateByClasses(const QualityReference& reference,
                                     std::span<const uint64_t> live_classes,
                                     std::span<const uint64_t> live_scores);

enum class Shift : uint8_t { kNone, kLabel, kCovariate };

struct AccuracyEstimate {
  QualityEstimate accuracy;  // the one that the counts allow
  QualityEstimate by_confidence;
  QualityEstimate by_classes;  // [0, 1] where the confusion matrix does not allow it
  Shift shift = Shift::kNone;
  // Over 5 % of the samples have scores that hardly any reference row backs: neither estimate has a
  // ground. (That the two estimates disagree is no sign: under covariate shift BBSE is wrong and
  // CBPE right, under label shift the other way.)
  bool outside = false;
  std::string reason;  // one sentence where outside
};

// errors: as Validate, and kInvalidArgument if live counts have other sizes.
Result<AccuracyEstimate> EstimateAccuracy(const QualityReference& reference,
                                          std::span<const uint64_t> live_classes,
                                          std::span<const uint64_t> live_scores);

}  // namespace kedge::stats
