// What a classifier's scores say about how sure it is.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace kedge::stats {

struct ScoreSummary {
  uint32_t best = 0;  // class of the largest; the first of equals
  double max_probability = 0;
  double margin = 0;   // largest less second largest
  double entropy = 0;  // nats
};

// Turns `scores` (two or more) into probabilities in place and sums them up. Logits go through a
// softmax; probabilities are divided by their sum. false, with everything NaN, if a score is not
// finite, a probability negative, or all are 0.
bool SummarizeScores(std::span<float> scores, bool logits, ScoreSummary& summary);

}  // namespace kedge::stats
