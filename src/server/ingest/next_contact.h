// When a device is to come again. A fleet that was started or cut off together would come back
// together for ever; so the server gives each device a place of its own inside the period, by a
// hash of its name, and all nodes give it the same one. Under load the period is stretched.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "base/clock.h"
#include "store/tables/device_state.h"

namespace kedge::server {

constexpr int64_t kPeriodDefaultMs = 60'000;  // for a device that does not say its own
constexpr int64_t kPeriodMinMs = 1'000;
constexpr int64_t kPeriodMaxMs = 86'400'000;
constexpr int64_t kStretchMax = 8;

// Milliseconds from `now` until the device's place in a period of `period_ms`: between half a
// period and one and a half, and a whole one for a device that keeps its place.
int64_t NextContactMs(const store::DeviceKey& key, EpochMs now, int64_t period_ms);

// By how much periods are stretched: doubled when a batch leaves a long queue behind, halved after
// kCalmBatches with a short one. Thread-safe.
class LoadStretch {
 public:
  static constexpr int kCalmBatches = 64;
  // `waiting` of at most `waiting_max` heartbeats are still in the queue after a batch.
  void AfterBatch(size_t waiting, size_t waiting_max);
  int64_t factor() const { return factor_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> factor_{1};
  std::atomic<int> calm_{0};
};

}  // namespace kedge::server
