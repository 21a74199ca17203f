// A clock that stands still until a test turns it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "base/clock.h"

namespace kedge {

class FakeClock final : public Clock {
 public:
  explicit FakeClock(EpochMs now = 1'790'000'000'000) : now_ms_(now) {}
  EpochMs NowMs() const override { return now_ms_.load(); }
  std::chrono::steady_clock::time_point Steady() const override {
    return std::chrono::steady_clock::time_point(std::chrono::milliseconds(now_ms_.load()));
  }
  void Advance(std::chrono::milliseconds by) { now_ms_.fetch_add(by.count()); }
  void Set(EpochMs now) { now_ms_.store(now); }

 private:
  std::atomic<EpochMs> now_ms_;
};

}  // namespace kedge
