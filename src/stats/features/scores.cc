// SPDX-License-Identifier: Apache-2.0
#include "stats/features/scores.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kedge::stats {
namespace {

bool Normalize(std::span<float> scores, bool logits) {
  float largest = -std::numeric_limits<float>::infinity();
  bool sound = true;
  for (const float score : scores) {
    sound &= std::isfinite(score) && (logits || score >= 0);
    largest = std::max(largest, score);
  }
  if (!sound) return false;
  float sum = 0;
  for (float& score : scores) {
    if (logits) score = std::exp(score - largest);
    sum += score;
  }
  if (!(sum > 0) || !std::isfinite(sum)) return false;
  for (float& score : scores) score /= sum;
  return true;
}

}  // namespace

bool SummarizeScores(std::span<float> scores, bool logits, ScoreSummary& summary) {
  if (!Normalize(scores, logits)) {
    constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
    std::fill(scores.begin(), scores.end(), std::numeric_limits<float>::quiet_NaN());
    summary = {.best = 0, .max_probability = kNan, .margin = kNan, .entropy = kNan};
    return false;
  }
  float best = -1, second = -1, entropy = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    const float p = scores[i];
    if (p > best) {
      second = best;
      best = p;
      summary.best = static_cast<uint32_t>(i);
    } else if (p > second) {
      second = p;
    }
    if (p > 1e-9F) entropy -= p * std::log(p);
  }
  summary.max_probability = static_cast<double>(best);
  summary.margin = static_cast<double>(best - second);
  summary.entropy = static_cast<double>(entropy);
  return true;
}

}  // namespace kedge::stats
