// SPDX-License-Identifier: Apache-2.0
#include "stats/quality/metrics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "stats/quality/label_free.h"

namespace kedge::stats {
namespace {

double Ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

}  // namespace

ConfusionMatrix::ConfusionMatrix(int classes)
    : classes_(classes), counts_(static_cast<size_t>(classes) * classes, 0) {
  KEDGE_CHECK(classes >= 2 && classes <= kQualityClassesMax);
}

void ConfusionMatrix::Merge(const ConfusionMatrix& other) {
  KEDGE_CHECK(classes_ == other.classes_);
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
}

uint64_t ConfusionMatrix::Rows() const {
  return std::accumulate(counts_.begin(), counts_.end(), uint64_t{0});
}

uint64_t ConfusionMatrix::Predicted(int label) const {
  uint64_t sum = 0;
  for (int t = 0; t < classes_; ++t) sum += Count(label, t);
  return sum;
}

uint64_t ConfusionMatrix::Truly(int label) const {
  uint64_t sum = 0;
  for (int p = 0; p < classes_; ++p) sum += Count(p, label);
  return sum;
}

double ConfusionMatrix::Accuracy() const {
  uint64_t right = 0;
  for (int c = 0; c < classes_; ++c) right += Count(c, c);
  return Ratio(static_cast<double>(right), static_cast<double>(Rows()));
}

double ConfusionMatrix::Precision(int truth) const {
  return Ratio(static_cast<double>(Count(truth, truth)), static_cast<double>(Predicted(truth)));
}

double ConfusionMatrix::Recall(int truth) const {
  return Ratio(static_cast<double>(Count(truth, truth)), static_cast<double>(Truly(truth)));
}

double ConfusionMatrix::FBeta(int truth, double beta) const {
  const double precision = Precision(truth);
  const double recall = Recall(truth);
  return Ratio((1 + beta * beta) * precision * recall, beta * beta * precision + recall);
}

double ConfusionMatrix::FalsePositiveRate(int truth) const {
  const uint64_t others = Rows() - Truly(truth);
  return Ratio(static_cast<double>(Predicted(truth) - Count(truth, truth)),
               static_cast<double>(others));
}

double ConfusionMatrix::WeightedPrecision() const {
  double sum = 0;
  for (int c = 0; c < classes_; ++c) sum += static_cast<double>(Truly(c)) * Precision(c);
  return Ratio(sum, static_cast<double>(Rows()));
}

double ConfusionMatrix::WeightedRecall() const { return Accuracy(); }

double ConfusionMatrix::WeightedFBeta(double beta) const {
  double sum = 0;
  for (int c = 0; c < classes_; ++c) sum += static_cast<double>(Truly(c)) * FBeta(c, beta);
  return Ratio(sum, static_cast<double>(Rows()));
}

Result<double> AreaUnderRoc(std::span<const uint64_t> negatives,
                            std::span<const uint64_t> positives) {
  if (negatives.size() != positives.size()) {
    return InvalidArgument("scores have " + std::to_string(negatives.size()) +
                           " bins of negatives and " + std::to_string(positives.size()) +
                           " of positives");
  }
  double below = 0, won = 0, all = 0;
  for (size_t b = 0; b < negatives.size(); ++b) {
    const auto n = static_cast<double>(negatives[b]);
    const auto p = static_cast<double>(positives[b]);
    won += p * (below + n / 2);
    below += n;
    all += p;
  }
  if (below == 0 || all == 0)
    return FailedPrecondition("area under the curve needs rows of both classes");
  return won / (below * all);
}

Result<double> AreaUnderRocOfScores(std::span<const double> scores,
                                    std::span<const uint8_t> positive) {
  if (scores.size() != positive.size()) {
    return InvalidArgument(std::to_string(scores.size()) + " scores have " +
                           std::to_string(positive.size()) + " labels");
  }
  std::vector<std::pair<double, bool>> rows;
  rows.reserve(scores.size());
  for (size_t i = 0; i < scores.size(); ++i) {
    if (std::isnan(scores[i]))
      return InvalidArgument("score of row " + std::to_string(i) + " is not a number");
    rows.emplace_back(scores[i], positive[i] != 0);
  }
  std::sort(rows.begin(), rows.end());
  std::vector<uint64_t> negatives, positives;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i == 0 || rows[i].first != rows[i - 1].first) {
      negatives.push_back(0);
      positives.push_back(0);
    }
    ++(rows[i].second ? positives : negatives).back();
  }
  return AreaUnderRoc(negatives, positives);
}

void RegressionQuality::Add(double predicted, double truth) {
  if (!std::isfinite(predicted) || !std::isfinite(truth)) {
    ++skipped_;
    return;
  }
  ++rows_;
  absolute_ += std::abs(predicted - truth);
  squared_ += (predicted - truth) * (predicted - truth);
  const double gap = truth - truth_mean_;
  truth_mean_ += gap / static_cast<double>(rows_);
  truth_squares_ += gap * (truth - truth_mean_);
}

void RegressionQuality::Merge(const RegressionQuality& other) {
  skipped_ += other.skipped_;
  if (other.rows_ == 0) return;
  const auto n = static_cast<double>(rows_);
  const auto m = static_cast<double>(other.rows_);
  const double gap = other.truth_mean_ - truth_mean_;
  truth_squares_ += other.truth_squares_ + gap * gap * n * m / (n + m);
  truth_mean_ += gap * m / (n + m);
  rows_ += other.rows_;
  absolute_ += other.absolute_;
  squared_ += other.squared_;
}

double RegressionQuality::MeanAbsoluteError() const {
  return Ratio(absolute_, static_cast<double>(rows_));
}
double RegressionQuality::MeanSquaredError() const {
  return Ratio(squared_, static_cast<double>(rows_));
}
double RegressionQuality::RootMeanSquaredError() const { return std::sqrt(MeanSquaredError()); }
double RegressionQuality::RSquared() const {
  return truth_squares_ > 0 ? 1 - squared_ / truth_squares_ : 0;
}

}  // namespace kedge::stats
