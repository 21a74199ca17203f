// SPDX-License-Identifier: Apache-2.0
#include "server/drift/quality_estimate.h"

#include <algorithm>
#include <cmath>

namespace kedge::server {
namespace {

using stats::kCalibrationBins;

constexpr double kNormal95 = 1.959964;

// What is known of the samples of one bin: share that was right, and rows that say so.
struct BinKnowledge {
  double right = 0;
  double rows = 0;
};

// Of probabilities in [low, high): each equal bin counts with the rows that lie in the part.
BinKnowledge Between(const stats::LabelledQuality& quality, double low, double high) {
  BinKnowledge known;
  double right = 0;
  for (size_t i = 0; i < kCalibrationBins; ++i) {
    const double begin = static_cast<double>(i) / kCalibrationBins;
    const double end = static_cast<double>(i + 1) / kCalibrationBins;
    const double covered = std::max(0.0, std::min(high, end) - std::max(low, begin));
    const double share = covered * kCalibrationBins;
    known.rows += share * static_cast<double>(quality.calibration_rows[i]);
    right += share * static_cast<double>(quality.calibration_right[i]);
  }
  known.right = known.rows > 0 ? right / known.rows : 0;
  return known;
}

size_t FindMaxProbability(const stats::Baseline& baseline) {
  size_t place = 0;
  while (place < baseline.features.size() &&
         baseline.features[place].use.statistic != stats::Statistic::kMaxProbability) {
    ++place;
  }
  return place;
}

}  // namespace

std::optional<QualityEstimate> EstimateQuality(const stats::Baseline& baseline,
                                               const SubjectCounts& window) {
  const size_t place = FindMaxProbability(baseline);
  if (!baseline.quality || place == baseline.features.size() || window.counts.features() <= place ||
      window.counts.values(place) == 0) {
    return std::nullopt;
  }
  const stats::LabelledQuality& quality = *baseline.quality;
  const stats::Cuts& cuts = baseline.features[place].cuts;
  const auto counts = window.counts.bins(place);
  const auto samples = static_cast<double>(window.counts.values(place));
  double value = 0;
  double variance = 0;
  double unbacked = 0;  // samples of bins that hardly a reference row backs
  for (size_t b = 0; b < counts.size(); ++b) {
    const double low = b == 0 ? 0 : std::clamp(cuts[b - 1], 0.0, 1.0);
    const double high = b + 1 == counts.size() ? 1 : std::clamp(cuts[b], 0.0, 1.0);
    const double share = static_cast<double>(counts[b]) / samples;
    if (share == 0) continue;
    // A bin without width (tied values) is looked up with the equal bin around it.
    const double half = 0.5 / kCalibrationBins;
    const BinKnowledge known =
        high - low > 1e-9 ? Between(quality, low, high)
                          : Between(quality, std::max(0.0, low - half), std::min(1.0, low + half));
    constexpr double kRowsMin = 1;
    if (known.rows < kRowsMin) unbacked += share;
    const double rows = std::max(known.rows, kRowsMin);
    const double spread = known.right * (1 - known.right) + 0.25 / rows;
    value += share * known.right;
    variance += share * share * spread / rows + share * spread / samples;
  }
  uint64_t rows = 0;
  uint64_t right = 0;
  for (size_t i = 0; i < kCalibrationBins; ++i) {
    rows += quality.calibration_rows[i];
    right += quality.calibration_right[i];
  }
  const double reach = kNormal95 * std::sqrt(variance);
  constexpr double kUnbackedMax = 0.05;
  return QualityEstimate{
      .value = value,
      .lower = std::max(0.0, value - reach - unbacked),
      .upper = std::min(1.0, value + reach + unbacked),
      .reference = rows > 0 ? static_cast<double>(right) / static_cast<double>(rows) : 0,
      .method = "CBPE",
      .assumption_broken = unbacked > kUnbackedMax,
      .samples = static_cast<int64_t>(window.counts.values(place))};
}

void CorrectByLabels(const stats::Baseline& baseline, const std::vector<LabelledOutcome>& labels,
                     QualityEstimate& estimate) {
  if (!baseline.quality || labels.size() < kLabelsMin) return;
  const auto n = static_cast<double>(labels.size());
  double sum = 0;
  double squares = 0;
  for (const LabelledOutcome& label : labels) {
    const auto bin = static_cast<size_t>(std::clamp(label.score, 0.0, 1.0) * kCalibrationBins);
    const double low = static_cast<double>(std::min(bin, kCalibrationBins - 1)) / kCalibrationBins;
    const double promised = Between(*baseline.quality, low, low + 1.0 / kCalibrationBins).right;
    const double off = (label.right ? 1 : 0) - promised;
    sum += off;
    squares += off * off;
  }
  const double mean = sum / n;
  const double error = std::sqrt(std::max(squares / n - mean * mean, 0.25 / n) / n);
  const double reach = (estimate.upper - estimate.lower) / 2;
  const double together = std::hypot(reach, kNormal95 * error);
  estimate.value = std::clamp(estimate.value + mean, 0.0, 1.0);
  estimate.lower = std::max(0.0, estimate.value - together);
  estimate.upper = std::min(1.0, estimate.value + together);
  estimate.method = "LABELS";
  estimate.assumption_broken =
      estimate.assumption_broken || std::abs(mean) > kCalibrationSlack + 3 * error;
}

}  // namespace kedge::server
