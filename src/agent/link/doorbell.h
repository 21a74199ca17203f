// Wakes a loop that sleeps until something is due.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace kedge::agent {

// Thread-safe. A ring while nobody waits is kept for the next wait.
class Doorbell {
 public:
  using Time = std::chrono::steady_clock::time_point;

  void Ring() {
    {
      std::lock_guard lock(mutex_);
      rung_ = true;
    }
    changed_.notify_all();
  }
  // From now on nobody waits any more.
  void Stop() {
    {
      std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
  }
  bool stopped() const {
    std::lock_guard lock(mutex_);
    return stopped_;
  }
  // Returns at that time, when rung, or when stopped; true: rung.
  bool WaitUntil(Time time) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, time, [this] { return rung_ || stopped_; });
    return std::exchange(rung_, false);
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool rung_ = false;
  bool stopped_ = false;
};

}  // namespace kedge::agent
