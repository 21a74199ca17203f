// SPDX-License-Identifier: Apache-2.0
#include "stats/quality/audit.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace kedge::stats {
namespace {

constexpr double kNormal95 = 1.959963984540054;
constexpr double kLeastLabels = 10;
// Of a bin's reference share. Bets run over all bins, whose errors are independent: that they
// exceed 1.5 on average of a few bins is as rare as that one bin exceeds 3.
constexpr double kSlackErrors = 1.5;
constexpr float kCapitalMax = 0x1p96F;
// Moves that audits bet on, downwards and upwards; and excess risks.
constexpr std::array<double, 6> kMoves = {-0.03, -0.1, -0.3, 0.03, 0.1, 0.3};
constexpr std::array<double, 5> kExcess = {0.01, 0.03, 0.1, 0.25, 0.5};

template <size_t n>
double SumOf(const std::array<float, n>& values) {
  double sum = 0;
  for (const float v : values) sum += static_cast<double>(v);
  return sum;
}

}  // namespace

QualityEstimate CorrectByLabels(const QualityReference& reference,
                                std::span<const uint64_t> live_scores,
                                const LabelledScores& labelled) {
  KEDGE_CHECK(static_cast<int>(labelled.rows.size()) == reference.score_bins);
  KEDGE_CHECK(labelled.correct.size() == labelled.rows.size());
  const QualityEstimate before = EstimateByConfidence(reference, live_scores);
  const std::vector<double> promised = SharesCorrect(reference);
  double labels = 0, gap = 0, square = 0;
  for (int b = 0; b < reference.score_bins; ++b) {
    const auto right = static_cast<double>(labelled.correct[b]);
    const double wrong = static_cast<double>(labelled.rows[b]) - right;
    labels += right + wrong;
    gap += right * (1 - promised[b]) - wrong * promised[b];
    square += right * (1 - promised[b]) * (1 - promised[b]) + wrong * promised[b] * promised[b];
  }
  if (labels < kLeastLabels) return before;
  const double mean = gap / labels;
  // Two extra squares of 1 (one label of each kind) keep the variance of few equal labels above 0.
  const double variance = ((square + 1) / (labels + 1) - mean * mean) / labels;
  const double value = before.value + mean;
  double live = 0, spread = 0;
  for (int b = 0; b < reference.score_bins; ++b) live += static_cast<double>(live_scores[b]);
  for (int b = 0; b < reference.score_bins; ++b) {
    const double away = promised[b] - before.value;
    spread += static_cast<double>(live_scores[b]) * away * away;
  }
  const double half = kNormal95 * std::sqrt(variance + (live > 0 ? spread / live / live : 0));
  return {.value = std::clamp(value, 0.0, 1.0),
          .lower = std::clamp(value - half, 0.0, 1.0),
          .upper = std::clamp(value + half, 0.0, 1.0)};
}

CalibrationAudit::CalibrationAudit(const QualityReference& reference, double tolerance) {
  KEDGE_CHECK(reference.score_bins <= static_cast<int>(factors_.size()));
  const std::vector<double> promised = SharesCorrect(reference);
  for (int b = 0; b < reference.score_bins; ++b) {
    const auto rows = static_cast<double>(reference.ScoreRows(b));
    const double smooth = (promised[b] * rows + 2) / (rows + 4);
    const double slack = tolerance + kSlackErrors * std::sqrt(smooth * (1 - smooth) / (rows + 4));
    for (int k = 0; k < kBetsOfAudit; ++k) {
      // The nearest share that "as promised" allows, and the one that is bet on beyond it. The
      // likelihood ratio is monotone in the true share, so its expectation is largest, and 1, at
      // the nearest.
      const double side = kMoves[k] < 0 ? -1 : 1;
      const double nearest = std::clamp(promised[b] + side * slack, 0.0, 1.0);
      const double bet = std::clamp(nearest + kMoves[k], 0.001, 0.999);
      const bool possible = nearest > 0 && nearest < 1 && (bet - nearest) * side > 0;
      factors_[b][1][k] = possible ? static_cast<float>(bet / nearest) : 1;
      factors_[b][0][k] = possible ? static_cast<float>((1 - bet) / (1 - nearest)) : 1;
    }
  }
}

void CalibrationAudit::Step(int bin, bool correct) {
  const auto& factors = factors_[bin][correct ? 1 : 0];
  for (int k = 0; k < kBetsOfAudit; ++k) {
    capital_[k] = std::min((capital_[k] + 1.0F / kBetsOfAudit) * factors[k], kCapitalMax);
  }
}

double CalibrationAudit::Evidence() const { return SumOf(capital_); }

bool CalibrationAudit::worse() const {
  return capital_[0] + capital_[1] + capital_[2] > capital_[3] + capital_[4] + capital_[5];
}

RiskDetector::RiskDetector(double accepted) : accepted_(accepted) {
  KEDGE_CHECK(accepted > 0 && accepted < 1);
  for (int k = 0; k < kBetsOfRisk; ++k) {
    // The stake that grows fastest for a 0/1 loss of mean accepted + excess.
    const double bet = std::min(accepted + kExcess[k] * (1 - accepted), 0.999);
    stakes_[k] = static_cast<float>((bet - accepted) / (accepted * (1 - accepted)));
  }
}

void RiskDetector::Step(double loss) {
  const auto gain = static_cast<float>(std::clamp(loss, 0.0, 1.0) - accepted_);
  for (int k = 0; k < kBetsOfRisk; ++k) {
    const float factor = std::max(1 + stakes_[k] * gain, 0.0F);
    capital_[k] = std::min((capital_[k] + 1.0F / kBetsOfRisk) * factor, kCapitalMax);
  }
}

double RiskDetector::Evidence() const { return SumOf(capital_); }

}  // namespace kedge::stats
