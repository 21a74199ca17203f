// What a few labels add: a correction of the estimate, and alarms that need no inputs at all.
//
// Correction. With labels of m of n live samples, drawn uniformly (the capture's random floor), the
// estimate by confidence is corrected by the labelled samples' mean of (right - what their score
// bin promised): unbiased whatever the scores are worth, and narrower than the labels alone when
// they are worth something (prediction-powered inference, Angelopoulos et al. 2301.09633).
//
// Audit. CBPE rests on one sentence: of the samples in score bin b, a share p_b is right. Each
// label is a trial of it. For bets "right less (or more) often by 0.03, 0.1 or 0.3" the likelihood
// ratio against the nearest p within the bin's tolerance has expectation <= 1; their
// Shiryaev-Roberts mixture is an e-detector with one step a label. It is the "assumption broken"
// flag under concept drift, which counts alone cannot see.
//
// Risk. The same for a single number: is the mean loss above what was accepted? An alarm for harm
// only, blind to drift that does no harm (Podkopaev and Ramdas 2110.06177).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "stats/quality/label_free.h"

namespace kedge::stats {

// Labels of live samples by score bin: how many, and how many predictions were right.
struct LabelledScores {
  std::span<const uint64_t> rows;
  std::span<const uint64_t> correct;
};

// The estimate by confidence of all live samples, corrected by the labelled ones; with fewer than
// 10 labels the uncorrected one. Sizes are reference.score_bins (checked).
QualityEstimate CorrectByLabels(const QualityReference& reference,
                                std::span<const uint64_t> live_scores,
                                const LabelledScores& labelled);

// Evidence that samples of a score bin are right less or more often than the reference's. One
// thread.
class CalibrationAudit {
 public:
  // tolerance: how far a bin's share may be off, besides 1.5 standard errors of the reference.
  CalibrationAudit(const QualityReference& reference, double tolerance = 0.02);

  // Takes in one label. bin < score_bins.
  void Step(int bin, bool correct);
  // Alarm at >= A has an average run of >= A labels while the reference's shares hold.
  double Evidence() const;
  bool worse() const;  // most of the evidence says "less often right"
  void Restart() { capital_ = {}; }

 private:
  static constexpr int kBetsOfAudit = 6;
  std::array<std::array<std::array<float, kBetsOfAudit>, 2>, 64> factors_{};  // [bin][correct][bet]
  std::array<float, kBetsOfAudit> capital_{};
};

// Evidence that the mean of a loss in [0, 1] is above `accepted`. One thread.
class RiskDetector {
 public:
  // accepted is in (0, 1).
  explicit RiskDetector(double accepted);

  // loss is clamped to [0, 1]; 0/1 for a wrong class.
  void Step(double loss);
  // As CalibrationAudit::Evidence.
  double Evidence() const;
  void Restart() { capital_ = {}; }

 private:
  static constexpr int kBetsOfRisk = 5;
  double accepted_;
  std::array<float, kBetsOfRisk> stakes_{};
  std::array<float, kBetsOfRisk> capital_{};
};

}  // namespace kedge::stats
