// Accuracy of a classifier without labels, from a subject's merged counts (stats/quality): for each
// bin of the largest probability the share that was right on the labelled validation data.
//
// A baseline holds calibration in 16 equal bins of the probability, counts stand in the bins of the
// feature's cut points; a bin takes the share of the equal bins that it covers, by how much of
// each. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "server/drift/counts.h"
#include "server/drift/judgement.h"
#include "stats/baseline/baseline.h"

namespace kedge::server {

// Nothing if the baseline was made without labels, watches no largest probability, or there are no
// counts.
std::optional<QualityEstimate> EstimateQuality(const stats::Baseline& baseline,
                                               const SubjectCounts& window);

// An inference that somebody labelled: the probability of the predicted class, and whether it was
// right.
struct LabelledOutcome {
  double score = 0;
  bool right = false;
};

constexpr size_t kLabelsMin = 30;           // fewer correct nothing
constexpr double kCalibrationSlack = 0.02;  // and three standard errors: beyond, it is broken

// Corrects the estimate by the mean of (right - what the score promised), which is unbiased if the
// labelled inferences were drawn uniformly (prediction-powered inference, 2301.09633), and says
// whether the scores still promise what they did.
void CorrectByLabels(const stats::Baseline& baseline, const std::vector<LabelledOutcome>& labels,
                     QualityEstimate& estimate);

}  // namespace kedge::server
