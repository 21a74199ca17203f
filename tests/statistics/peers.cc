// SPDX-License-Identifier: Apache-2.0
#include "statistics/peers.h"

#include <algorithm>

#include "statistics/random.h"

namespace kedge::statistics {
namespace {

constexpr int kBucketsPerRow = 5;
constexpr int kCheckEvery = 32;
constexpr int kLeastPart = 5;  // samples on either side of a split

}  // namespace

void Adwin::Step(double x) {
  if (rows_.empty()) rows_.emplace_back();
  if (width_ > 0) {
    const double mean = total_ / static_cast<double>(width_);
    variance_ +=
        (x - mean) * (x - mean) * static_cast<double>(width_) / static_cast<double>(width_ + 1);
  }
  ++width_;
  total_ += x;
  rows_[0].push_back({x, 0});
  Compress();
  if (++steps_ % kCheckEvery == 0) Check();
}

void Adwin::Compress() {
  for (size_t r = 0; r < rows_.size() && rows_[r].size() > kBucketsPerRow; ++r) {
    if (r + 1 == rows_.size()) rows_.emplace_back();
    const Bucket a = rows_[r][0];
    const Bucket b = rows_[r][1];
    rows_[r].erase(rows_[r].begin(), rows_[r].begin() + 2);
    const double n = std::ldexp(1, static_cast<int>(r));
    const double gap = (a.sum - b.sum) / n;
    rows_[r + 1].push_back({a.sum + b.sum, a.variance_sum + b.variance_sum + gap * gap * n / 2});
  }
}

void Adwin::Check() {
  // Walks splits from the oldest bucket on. A cut happens where |mean0 - mean1| exceeds
  // sqrt(2/m v ln(2 ln n / delta)) + 2/(3m) ln(2 ln n / delta); solved for the logarithm, the
  // largest wins.
  statistic_ = 0;
  const auto n = static_cast<double>(width_);
  const double variance = variance_ / n;
  double count0 = 0, sum0 = 0;
  for (size_t r = rows_.size(); r-- > 0;) {
    for (const Bucket& bucket : rows_[r]) {
      count0 += std::ldexp(1, static_cast<int>(r));
      sum0 += bucket.sum;
      const double count1 = n - count0;
      if (count1 < kLeastPart) return;
      if (count0 < kLeastPart) continue;
      const double m = 1 / (1 / (count0 - kLeastPart + 1) + 1 / (count1 - kLeastPart + 1));
      const double gap = std::abs(sum0 / count0 - (total_ - sum0) / count1);
      // With y = sqrt(log term): (2/(3m)) y^2 + sqrt(2 v/m) y - gap = 0.
      const double a = 2 / (3 * m);
      const double b = std::sqrt(2 * variance / m);
      const double y = (-b + std::sqrt(b * b + 4 * a * gap)) / (2 * a);
      const double minus_log_delta = y * y - std::log(2 * std::log(n));
      if (minus_log_delta > statistic_) {
        statistic_ = minus_log_delta;
        drop_ = static_cast<int64_t>(count0);
      }
    }
  }
}

void Adwin::Cut() {
  for (size_t r = rows_.size(); r-- > 0;) {
    while (!rows_[r].empty() && drop_ > 0) {
      const double n = std::ldexp(1, static_cast<int>(r));
      const Bucket bucket = rows_[r].front();
      rows_[r].pop_front();
      const double mean_gap = bucket.sum / n - total_ / static_cast<double>(width_);
      variance_ -= bucket.variance_sum + n * mean_gap * mean_gap;
      variance_ = std::max(variance_, 0.0);
      total_ -= bucket.sum;
      width_ -= static_cast<int64_t>(n);
      drop_ -= static_cast<int64_t>(n);
    }
  }
  statistic_ = 0;
}

void Kswin::Step(double x) {
  window_[steps_++ % kWindow] = x;
  if (steps_ < kWindow) return;
  // Oldest first: position i of the window is steps_ + i.
  std::array<double, kRecent> recent{}, drawn{};
  std::array<int, kWindow - kRecent> order{};
  for (int i = 0; i < kWindow - kRecent; ++i) order[i] = i;
  for (int i = 0; i < kRecent; ++i) {
    recent[i] = window_[(steps_ + kWindow - kRecent + i) % kWindow];
    seed_ = seed_ * 6364136223846793005 + 1442695040888963407;
    const int rest = kWindow - kRecent - i;
    const int pick = i + static_cast<int>(((seed_ >> 32) * static_cast<uint64_t>(rest)) >> 32);
    std::swap(order[i], order[pick]);
    drawn[i] = window_[(steps_ + order[i]) % kWindow];
  }
  std::sort(recent.begin(), recent.end());
  std::sort(drawn.begin(), drawn.end());
  int i = 0, j = 0, widest = 0;
  while (i < kRecent && j < kRecent) {
    recent[i] < drawn[j] ? ++i : ++j;
    widest = std::max(widest, std::abs(i - j));
  }
  statistic_ = widest;
}

}  // namespace kedge::statistics
