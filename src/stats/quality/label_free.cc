// SPDX-License-Identifier: Apache-2.0
#include "stats/quality/label_free.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "stats/evidence/batch_test.h"

namespace kedge::stats {
namespace {

constexpr double kNormal95 = 1.959963984540054;
constexpr double kSignificance = 0.001;  // of the tests that choose between assumptions
constexpr double kThinRows = 5;          // a score bin with fewer reference rows says nothing
constexpr double kThinShare = 0.05;

double Sum(std::span<const uint64_t> counts) {
  return static_cast<double>(std::accumulate(counts.begin(), counts.end(), uint64_t{0}));
}

QualityEstimate Interval(double value, double variance) {
  const double half = kNormal95 * std::sqrt(std::max(variance, 0.0));
  return {.value = std::clamp(value, 0.0, 1.0),
          .lower = std::clamp(value - half, 0.0, 1.0),
          .upper = std::clamp(value + half, 0.0, 1.0)};
}

// Turns b into the solution x of a x = b, by Gaussian elimination with partial pivoting. False if a
// is singular.
bool Solve(std::vector<double> a, std::vector<double>& b) {
  const int n = static_cast<int>(b.size());
  for (int column = 0; column < n; ++column) {
    int pivot = column;
    for (int r = column + 1; r < n; ++r) {
      if (std::abs(a[r * n + column]) > std::abs(a[pivot * n + column])) pivot = r;
    }
    if (std::abs(a[pivot * n + column]) < 1e-9) return false;
    for (int c = 0; c < n; ++c) std::swap(a[pivot * n + c], a[column * n + c]);
    std::swap(b[pivot], b[column]);
    for (int r = column + 1; r < n; ++r) {
      const double factor = a[r * n + column] / a[column * n + column];
      for (int c = column; c < n; ++c) a[r * n + c] -= factor * a[column * n + c];
      b[r] -= factor * b[column];
    }
  }
  for (int r = n - 1; r >= 0; --r) {
    for (int c = r + 1; c < n; ++c) b[r] -= a[r * n + c] * b[c];
    b[r] /= a[r * n + r];
  }
  return true;
}

// Least squares of matrix * w = target under w >= 0, by coordinate descent from `w`. Noise of the
// inverse makes small classes negative; the nearest non-negative weights are what they can mean.
void MakeNonNegative(const std::vector<double>& matrix, std::span<const double> target,
                     std::vector<double>& w) {
  const int n = static_cast<int>(w.size());
  if (std::all_of(w.begin(), w.end(), [](double v) { return v >= 0; })) return;
  for (double& v : w) v = std::max(v, 0.0);
  std::vector<double> residual(target.begin(), target.end());
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < n; ++j) residual[i] -= matrix[i * n + j] * w[j];
  }
  for (int sweep = 0; sweep < 200; ++sweep) {
    for (int j = 0; j < n; ++j) {
      double slope = 0, square = 0;
      for (int i = 0; i < n; ++i) {
        slope += matrix[i * n + j] * residual[i];
        square += matrix[i * n + j] * matrix[i * n + j];
      }
      if (square == 0) continue;
      const double next = std::max(w[j] + slope / square, 0.0);
      for (int i = 0; i < n; ++i) residual[i] -= matrix[i * n + j] * (next - w[j]);
      w[j] = next;
    }
  }
}

std::vector<double> ReferenceScoreShares(const QualityReference& reference) {
  std::vector<double> shares;
  for (int b = 0; b < reference.score_bins; ++b) {
    shares.push_back(static_cast<double>(reference.ScoreRows(b)) /
                     static_cast<double>(reference.Rows()));
  }
  return shares;
}

// The share of live samples in bins that almost no reference row backs.
double ThinShare(const QualityReference& reference, std::span<const uint64_t> live_scores) {
  double live = 0;
  for (int b = 0; b < reference.score_bins; ++b) {
    if (static_cast<double>(reference.ScoreRows(b)) < kThinRows)
      live += static_cast<double>(live_scores[b]);
  }
  return live / std::max(Sum(live_scores), 1.0);
}

// A p-value of live counts against shares that are themselves estimated from `rows` rows: the
// smaller of both sizes decides what can be told apart, so the live counts are scaled down to 1 /
// (1/n + 1/rows).
double TwoSamplePValue(std::span<const uint64_t> counts, std::span<const double> shares,
                       double rows) {
  const double n = Sum(counts);
  const double scale = rows / (n + rows);
  double statistic = 0;
  int bins = 0;
  double expected_pool = 0, counted_pool = 0;
  for (size_t b = 0; b < counts.size(); ++b) {
    expected_pool += shares[b] * n;
    counted_pool += static_cast<double>(counts[b]);
    if (expected_pool * scale < 5 && b + 1 < counts.size()) continue;
    if (expected_pool > 0) {
      const double gap = counted_pool - expected_pool;
      statistic += gap * gap / expected_pool * scale;
      ++bins;
    }
    expected_pool = counted_pool = 0;
  }
  return bins > 1 ? ChiSquaredTail(statistic, bins - 1) : 1;
}

}  // namespace

uint64_t QualityReference::ScoreRows(int bin) const {
  uint64_t rows = 0;
  for (int c = 0; c < classes; ++c) rows += score_by_class[c * score_bins + bin];
  return rows;
}

uint64_t QualityReference::Rows() const {
  return std::accumulate(confusion.begin(), confusion.end(), uint64_t{0});
}

Status Validate(const QualityReference& reference) {
  const int k = reference.classes;
  const int bins = reference.score_bins;
  if (k < 2 || k > kQualityClassesMax)
    return InvalidArgument("reference has " + std::to_string(k) + " classes, not 2 to 1000");
  if (bins < 2 || bins > 64)
    return InvalidArgument("reference has " + std::to_string(bins) + " score bins, not 2 to 64");
  if (reference.confusion.size() != static_cast<size_t>(k) * k ||
      reference.score_by_class.size() != static_cast<size_t>(k) * bins ||
      reference.score_correct.size() != static_cast<size_t>(bins)) {
    return InvalidArgument("tables of the quality reference do not have the sizes of " +
                           std::to_string(k) + " classes and " + std::to_string(bins) +
                           " score bins");
  }
  if (reference.Rows() == 0) return InvalidArgument("quality reference has no row");
  for (int truth = 0; truth < k; ++truth) {
    uint64_t by_confusion = 0, by_score = 0;
    for (int p = 0; p < k; ++p) by_confusion += reference.Confusion(p, truth);
    for (int b = 0; b < bins; ++b) by_score += reference.score_by_class[truth * bins + b];
    if (by_confusion != by_score) {
      return InvalidArgument("class " + std::to_string(truth) + " has " +
                             std::to_string(by_confusion) + " rows in the confusion matrix and " +
                             std::to_string(by_score) + " in the scores");
    }
  }
  for (int b = 0; b < bins; ++b) {
    if (reference.score_correct[b] > reference.ScoreRows(b)) {
      return InvalidArgument("score bin " + std::to_string(b) + " has more right rows than rows");
    }
  }
  return {};
}

std::vector<double> SharesCorrect(const QualityReference& reference) {
  std::vector<double> shares(reference.score_bins, -1);
  for (int b = 0; b < reference.score_bins; ++b) {
    const auto rows = static_cast<double>(reference.ScoreRows(b));
    if (rows > 0) shares[b] = static_cast<double>(reference.score_correct[b]) / rows;
  }
  std::vector<double> filled = shares;
  for (int b = 0; b < reference.score_bins; ++b) {
    if (shares[b] >= 0) continue;
    double sum = 0;
    int found = 0;
    for (const int step : {-1, 1}) {
      int near = b + step;
      while (near >= 0 && near < reference.score_bins && shares[near] < 0) near += step;
      if (near >= 0 && near < reference.score_bins) {
        sum += shares[near];
        ++found;
      }
    }
    filled[b] = found > 0 ? sum / found : 0;
  }
  return filled;
}

QualityEstimate EstimateByConfidence(const QualityReference& reference,
                                     std::span<const uint64_t> live_scores) {
  KEDGE_CHECK(static_cast<int>(live_scores.size()) == reference.score_bins);
  const double n = Sum(live_scores);
  if (n == 0) return {};
  const std::vector<double> shares = SharesCorrect(reference);
  double value = 0, variance = 0;
  for (int b = 0; b < reference.score_bins; ++b) {
    const double weight = static_cast<double>(live_scores[b]) / n;
    const double rows = std::max(static_cast<double>(reference.ScoreRows(b)), 1.0);
    // Agresti and Coull's two extra of each keep the variance of a bin that was always right above
    // 0.
    const double smooth = (shares[b] * rows + 2) / (rows + 4);
    value += weight * shares[b];
    variance +=
        weight * weight * smooth * (1 - smooth) / (rows + 4) + weight * smooth * (1 - smooth) / n;
  }
  return Interval(value, variance);
}

Result<LabelShift> EstimateByClasses(const QualityReference& reference,
                                     std::span<const uint64_t> live_classes,
                                     std::span<const uint64_t> live_scores) {
  const int k = reference.classes;
  if (static_cast<int>(live_classes.size()) != k ||
      static_cast<int>(live_scores.size()) != reference.score_bins) {
    return InvalidArgument("live counts have " + std::to_string(live_classes.size()) +
                           " classes and " + std::to_string(live_scores.size()) +
                           " score bins, the reference " + std::to_string(k) + " and " +
                           std::to_string(reference.score_bins));
  }
  const double n = Sum(live_classes);
  if (n == 0) return FailedPrecondition("no live sample to estimate class weights from");
  const auto rows = static_cast<double>(reference.Rows());
  std::vector<double> joint(static_cast<size_t>(k) * k), transposed(joint.size()), live(k),
      diagonal(k);
  for (int p = 0; p < k; ++p) {
    live[p] = static_cast<double>(live_classes[p]) / n;
    for (int t = 0; t < k; ++t) {
      joint[p * k + t] = transposed[t * k + p] =
          static_cast<double>(reference.Confusion(p, t)) / rows;
    }
    diagonal[p] = joint[p * k + p];
  }
  LabelShift shift{.weights = live};
  // accuracy = diagonal . C^-1 live = pull . live: `pull` carries the noise of the live shares to
  // the accuracy.
  std::vector<double> pull = diagonal;
  if (!Solve(joint, shift.weights) || !Solve(transposed, pull)) {
    return FailedPrecondition("confusion matrix is singular: two classes are never told apart");
  }
  MakeNonNegative(joint, live, shift.weights);
  double value = 0, mean = 0, square = 0, reference_variance = 0;
  for (int c = 0; c < k; ++c) {
    value += shift.weights[c] * diagonal[c];
    mean += pull[c] * live[c];
    square += pull[c] * pull[c] * live[c];
  }
  for (int p = 0; p < k; ++p) {
    for (int t = 0; t < k; ++t) {
      const double change = shift.weights[t] * ((p == t ? 1 : 0) - pull[p]);
      reference_variance += change * change * joint[p * k + t] / rows;
    }
  }
  shift.accuracy =
      Interval(value, (square - mean * mean) / n + reference_variance + value * (1 - value) / n);
  std::vector<double> mixture(reference.score_bins, 0);
  double total = 0;
  for (int t = 0; t < k; ++t) {
    for (int b = 0; b < reference.score_bins; ++b) {
      const double mass =
          shift.weights[t] *
          static_cast<double>(reference.score_by_class[t * reference.score_bins + b]) / rows;
      mixture[b] += mass;
      total += mass;
    }
  }
  for (double& m : mixture) m /= std::max(total, 1e-300);
  shift.score_p_value = TwoSamplePValue(live_scores, mixture, rows);
  return shift;
}

Result<AccuracyEstimate> EstimateAccuracy(const QualityReference& reference,
                                          std::span<const uint64_t> live_classes,
                                          std::span<const uint64_t> live_scores) {
  KEDGE_TRY_STATUS(Validate(reference));
  if (static_cast<int>(live_classes.size()) != reference.classes ||
      static_cast<int>(live_scores.size()) != reference.score_bins) {
    return InvalidArgument("live counts have " + std::to_string(live_classes.size()) +
                           " classes and " + std::to_string(live_scores.size()) +
                           " score bins, not the reference's");
  }
  AccuracyEstimate result;
  result.by_confidence = EstimateByConfidence(reference, live_scores);
  result.accuracy = result.by_confidence;
  const auto rows = static_cast<double>(reference.Rows());
  std::vector<double> predicted(reference.classes, 0);
  for (int p = 0; p < reference.classes; ++p) {
    for (int t = 0; t < reference.classes; ++t)
      predicted[p] += static_cast<double>(reference.Confusion(p, t)) / rows;
  }
  const bool scores_moved =
      TwoSamplePValue(live_scores, ReferenceScoreShares(reference), rows) < kSignificance;
  const bool classes_moved = TwoSamplePValue(live_classes, predicted, rows) < kSignificance;
  auto classes = EstimateByClasses(reference, live_classes, live_scores);
  const bool fits = classes.has_value() && classes->score_p_value >= kSignificance;
  if (classes.has_value()) result.by_classes = classes->accuracy;
  if (scores_moved || classes_moved)
    result.shift = fits && classes_moved ? Shift::kLabel : Shift::kCovariate;
  if (result.shift == Shift::kLabel) result.accuracy = result.by_classes;
  const double thin = ThinShare(reference, live_scores);
  if (thin > kThinShare) {
    result.outside = true;
    result.reason = "a share of " + std::to_string(thin) +
                    " of the samples has scores that no reference row backs";
  }
  return result;
}

}  // namespace kedge::stats
