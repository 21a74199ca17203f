// How long to wait before the next attempt: doubling from first to max, each wait drawn between
// half and the whole, so that a fleet that lost its server does not come back in one instant.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <random>

namespace kedge::agent {

constexpr std::chrono::milliseconds kRetryWaitFirst{500};
constexpr std::chrono::milliseconds kRetryWaitMax{60'000};

// Not thread-safe.
class Backoff {
 public:
  Backoff(std::chrono::milliseconds first, std::chrono::milliseconds max, uint64_t seed)
      : first_(first), max_(max), next_(first), random_(seed) {}

  std::chrono::milliseconds Next() {
    const std::chrono::milliseconds whole = next_;
    next_ = std::min(max_, next_ * 2);
    return Jitter(whole);
  }
  void Reset() { next_ = first_; }
  // Between half of `whole` and `whole`.
  std::chrono::milliseconds Jitter(std::chrono::milliseconds whole) {
    std::uniform_int_distribution<int64_t> draw(whole.count() / 2, whole.count());
    return std::chrono::milliseconds(draw(random_));
  }

 private:
  const std::chrono::milliseconds first_, max_;
  std::chrono::milliseconds next_;
  std::mt19937_64 random_;
};

}  // namespace kedge::agent
