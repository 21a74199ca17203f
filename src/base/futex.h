// Waiting on a 32-bit word until another thread, or another process that maps the same memory,
// changes it. Source: futex(2).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdint>
#include <ctime>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace kedge {

static_assert(sizeof(std::atomic<uint32_t>) == 4 && std::atomic<uint32_t>::is_always_lock_free);

enum class FutexScope : int {
  kThreads = FUTEX_PRIVATE_FLAG,  // the threads of this process
  kProcesses = 0,                 // whoever maps the memory
};

// Sleeps while `word` is `expected`, at most for `timeout` (negative: for ever). May return at any
// time for no reason; the caller looks at the word again. False if the time was over.
inline bool FutexWait(std::atomic<uint32_t>& word, uint32_t expected, FutexScope scope,
                      std::chrono::nanoseconds timeout = std::chrono::nanoseconds(-1)) {
  timespec limit{};
  limit.tv_sec = static_cast<time_t>(timeout.count() / 1'000'000'000);
  limit.tv_nsec = static_cast<long>(timeout.count() % 1'000'000'000);
  const long result = ::syscall(SYS_futex, &word, FUTEX_WAIT | static_cast<int>(scope), expected,
                                timeout.count() < 0 ? nullptr : &limit, nullptr, 0);
  return result == 0 || errno != ETIMEDOUT;
}

inline void FutexWake(std::atomic<uint32_t>& word, FutexScope scope, int waiters = INT_MAX) {
  ::syscall(SYS_futex, &word, FUTEX_WAKE | static_cast<int>(scope), waiters, nullptr, nullptr, 0);
}

// Tells the core that this is a waiting loop.
inline void SpinPause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// How often to call SpinPause() to wait busily for `spin_us`, measured on this machine (the pause
// instruction takes 4 to 140 cycles on x86 alone). None on a single core, where the awaited thread
// needs it.
uint32_t SpinsIn(uint32_t spin_us);

// Busy waiting that learns. On a core of one's own it saves the microseconds of a sleep; on cores
// that others want too it costs milliseconds, because whoever is awaited waits for a core
// meanwhile. So a wait in vain halves the next one, down to an eighth, and one that was worth it
// doubles the next.
//
// Movable; thread-safe but for moving.
class AdaptiveSpin {
 public:
  AdaptiveSpin() = default;
  explicit AdaptiveSpin(uint32_t spin_us) : spins_max_(SpinsIn(spin_us)), spins_(spins_max_) {}

  // True as soon as `ready()`, false after the time.
  template <class Ready>
  bool WaitFor(const Ready& ready) {
    if (ready()) return true;
    std::atomic_ref<uint32_t> spins(spins_);
    const uint32_t budget = spins.load(std::memory_order_relaxed);
    for (uint32_t i = 0; i < budget; ++i) {
      SpinPause();
      if (!ready()) continue;
      spins.store(std::min(spins_max_, 2 * budget), std::memory_order_relaxed);
      return true;
    }
    spins.store(std::max(budget / 2, (spins_max_ + 7) / 8), std::memory_order_relaxed);
    return false;
  }

 private:
  uint32_t spins_max_ = 0;
  uint32_t spins_ = 0;
};

}  // namespace kedge
