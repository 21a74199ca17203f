// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cmath>

#include "cli/swarm/options.h"

namespace kedge::cli {
namespace {

// Below 16 each value is a bucket of its own; above, 16 buckets a power of two.
size_t BucketOf(int64_t value) {
  const auto unsigned_value = static_cast<uint64_t>(std::max<int64_t>(value, 0));
  if (unsigned_value < 16) return unsigned_value;
  const auto exponent = static_cast<size_t>(std::bit_width(unsigned_value)) - 5;
  return exponent * 16 + (unsigned_value >> exponent);
}

int64_t UpperBound(size_t bucket) {
  if (bucket < 16) return static_cast<int64_t>(bucket);
  const size_t exponent = bucket / 16 - 1;
  return static_cast<int64_t>((bucket % 16 + 17) << exponent) - 1;
}

}  // namespace

void Latencies::Add(int64_t microseconds) {
  ++buckets_[std::min(BucketOf(microseconds), buckets_.size() - 1)];
  ++count_;
  largest_ = std::max(largest_, microseconds);
}

int64_t Latencies::Quantile(double share) const {
  const auto wanted = static_cast<int64_t>(std::ceil(share * static_cast<double>(count_)));
  int64_t seen = 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= wanted && seen > 0) return std::min(UpperBound(i), largest_);
  }
  return 0;
}

}  // namespace kedge::cli
