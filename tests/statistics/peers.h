// Drift detectors from the literature, for comparison at an equal rate of false alarms. All read a
// stream of doubles. Written from the papers' definitions; thresholds are found by
// statistics_delay_test, not taken from defaults. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <deque>
#include <vector>

namespace kedge::statistics {

// Page 1954, as two one-sided tests around the running mean: sum <- max(0, sum +- (x - mean) -
// tolerance); alarm when either reaches the threshold. Statistic() is the larger sum.
class PageHinkley {
 public:
  explicit PageHinkley(double tolerance) : tolerance_(tolerance) {}
  void Step(double x) {
    mean_ += (x - mean_) / static_cast<double>(++count_);
    up_ = std::fmax(0, up_ + (x - mean_) - tolerance_);
    down_ = std::fmax(0, down_ - (x - mean_) - tolerance_);
  }
  double Statistic() const { return std::fmax(up_, down_); }

 private:
  double tolerance_;
  double mean_ = 0, up_ = 0, down_ = 0;
  int64_t count_ = 0;
};

// ADWIN (Bifet and Gavalda 2007) with exponential histograms of 5 buckets a row, checked at every
// 32nd sample as its authors' program does. Statistic() is the largest over splits of -log of the
// delta at which the split would be cut: an alarm at `-log delta` is ADWIN with that delta. The
// window is cut when Alarm() was told so.
class Adwin {
 public:
  void Step(double x);
  double Statistic() const { return statistic_; }
  // Drops the older part of the best split, as ADWIN does on a change.
  void Cut();
  int64_t width() const { return width_; }

 private:
  struct Bucket {
    double sum, variance_sum;  // of squared deviations from the bucket's mean
  };
  void Compress();
  void Check();

  // rows_[i] holds buckets of 2^i samples, the newest at the back.
  std::vector<std::deque<Bucket>> rows_;
  int64_t width_ = 0;
  double total_ = 0, variance_ = 0;
  double statistic_ = 0;
  int64_t drop_ = 0;  // samples older than the best split
  int64_t steps_ = 0;
};

// KSWIN (Raab, Heusinger, Schleif 2020): the Kolmogorov-Smirnov distance between the newest 30
// samples of a window of 100 and 30 drawn from the other 70. Statistic() is the distance in units
// of 1/30. A change needs the window to be full. The draw is seeded.
class Kswin {
 public:
  explicit Kswin(uint64_t seed) : seed_(seed) {}
  void Step(double x);
  double Statistic() const { return statistic_; }

  static constexpr int kWindow = 100;
  static constexpr int kRecent = 30;

 private:
  uint64_t seed_;
  std::array<double, kWindow> window_{};
  int64_t steps_ = 0;
  double statistic_ = 0;
};

// CUSUM of log likelihood ratios that is told the change: no detector without that knowledge does
// better (Lorden 1971, Moustakides 1986).
class OracleCusum {
 public:
  OracleCusum(double mean, double deviation) : mean_(mean), deviation_(deviation) {}
  void Step(double x) {
    const double z = (x - mean_) / deviation_;
    statistic_ = std::fmax(0, statistic_ + (x * x - z * z) / 2 - std::log(deviation_));
  }
  double Statistic() const { return statistic_; }

 private:
  double mean_, deviation_;
  double statistic_ = 0;
};

}  // namespace kedge::statistics
