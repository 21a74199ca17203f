// Which inferences are looked at, so that looking costs at most a fraction of what the model costs.
//
// Every run of the model earns `fraction` of its time; a look is begun when about its cost has been
// earned, and pays what it really cost when it is done. So the share holds for any model and any
// machine without being configured: a model of 3 ms at 1 % pays for a look of 30 us at every run,
// one of 100 us at every thirtieth. What is earned in quiet times is not kept beyond kLooksSavedMax
// looks. Which run is looked at depends on time alone, never on what the tensors hold; and the wait
// between two is drawn between a half and one and a half of its mean, so that a stream with a
// period (four cameras in turn) is not always met at the same place.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace kedge::agent {

// Thread-safe.
class LookBudget {
 public:
  using Nanoseconds = std::chrono::nanoseconds;
  static constexpr int64_t kLooksSavedMax = 4;
  static constexpr int64_t kFirstCostNs = 50'000;  // believed until the first look is done

  explicit LookBudget(double fraction) : fraction_(fraction) {}

  // A run took this long; true if it is to be looked at, which is then begun.
  bool Begin(Nanoseconds run) {
    if (fraction_ <= 0) return false;
    const int64_t cost = cost_ns_.load(std::memory_order_relaxed);
    const auto earned = static_cast<int64_t>(static_cast<double>(run.count()) * fraction_);
    const int64_t due = cost * due_share_.load(std::memory_order_relaxed) / kShareOne;
    int64_t credit = credit_ns_.load(std::memory_order_relaxed);
    int64_t after = 0;
    bool begin = false;
    do {
      const int64_t saved =
          std::clamp(credit + earned, -kLooksSavedMax * cost, kLooksSavedMax * cost);
      begin = saved >= due;
      after = begin ? saved - cost : saved;
    } while (!credit_ns_.compare_exchange_weak(credit, after, std::memory_order_relaxed));
    if (begin) DrawNext();
    Count(begin);
    return begin;
  }

  // A look that is taken whatever it costs: it is paid for by later ones.
  void Force() {
    credit_ns_.fetch_sub(cost_ns_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  }

  // A look that was begun has cost this much in all: copying on the caller's thread and counting.
  void Done(Nanoseconds real) {
    const int64_t believed = cost_ns_.load(std::memory_order_relaxed);
    credit_ns_.fetch_sub(real.count() - believed, std::memory_order_relaxed);
    // An average over about eight looks; one thread calls this.
    cost_ns_.store(std::max<int64_t>(1, believed + (real.count() - believed) / 8),
                   std::memory_order_relaxed);
  }

  // Of the last few thousand runs, those that Begin chose; 1 if there were none.
  double share() const {
    const double runs = runs_.load(std::memory_order_relaxed);
    return runs > 0 ? begun_.load(std::memory_order_relaxed) / runs : 1;
  }
  Nanoseconds cost() const { return Nanoseconds(cost_ns_.load(std::memory_order_relaxed)); }

 private:
  static constexpr int64_t kShareOne = 1024;
  static constexpr uint32_t kRunsCounted = 4096;

  // The next look is begun at this share of its cost: 1/2 to 3/2.
  void DrawNext() {
    // A linear congruential generator is random enough here (Knuth, MMIX).
    uint64_t random = random_.load(std::memory_order_relaxed);
    random = random * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
    random_.store(random, std::memory_order_relaxed);
    constexpr int kShareBits = 10;
    due_share_.store(kShareOne / 2 + static_cast<int64_t>(random >> (64 - kShareBits)),
                     std::memory_order_relaxed);
  }
  // Threads that meet here may lose a count of thousands.
  void Count(bool begun) {
    if (begun) begun_.fetch_add(1, std::memory_order_relaxed);
    if (runs_.fetch_add(1, std::memory_order_relaxed) + 1 < kRunsCounted) return;
    runs_.store(kRunsCounted / 2, std::memory_order_relaxed);
    begun_.store(begun_.load(std::memory_order_relaxed) / 2, std::memory_order_relaxed);
  }

  const double fraction_;
  std::atomic<uint32_t> runs_{0}, begun_{0};
  std::atomic<uint64_t> random_{1};
  std::atomic<int64_t> due_share_{kShareOne};
  std::atomic<int64_t> credit_ns_{0};
  std::atomic<int64_t> cost_ns_{kFirstCostNs};
};

}  // namespace kedge::agent
