// The threads behind kedge_host.parallel.
//
// A model cuts an op into some ten to hundred tasks of 20-50 us each; the pool's threads and the
// caller take them from one atomic counter, so that a slow core takes fewer. Between two ops
// threads spin for `spin_us`, then sleep in a futex, so that a barrier costs about a microsecond
// inside a run and nothing outside of it. A thread that was asleep, or was not given a core, is not
// waited for: only those that have entered a job must have left it before the next one begins.
//
//   gate    bit 31: open; bit 30: the caller sleeps; the rest: threads inside the job
//   caller: writes the job, next = 0, gate = open, ++generation, wakes sleepers, takes tasks
//   itself,
//           closes the gate, waits until nobody is inside
//   thread: waits for a new generation, enters if the gate is open, takes tasks, leaves
//
// Parallel() allocates nothing and takes no lock.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <pthread.h>
#include <vector>

#include "base/futex.h"
#include "base/result.h"
#include "kedge_model.h"

namespace kedge::runtime {

constexpr size_t kThreadStackBytes = size_t{1} << 20;

// Parallel() from one thread at a time.
class ThreadPool {
 public:
  // `threads` counts the caller: 1 starts none. Returns when all threads have begun to wait: what
  // the C library does at a thread's start is over, so that a system call filter may be set.
  // kResourceExhausted if a thread cannot be started.
  static Result<std::unique_ptr<ThreadPool>> Create(uint32_t threads, uint32_t spin_us);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Runs task(argument, i) for all i in [0, n) and returns when all are done. n < 2^31.
  void Parallel(kedge_task task, void* argument, uint32_t n);
  uint32_t threads() const { return static_cast<uint32_t>(threads_.size()) + 1; }

 private:
  explicit ThreadPool(uint32_t spin_us) : fresh_spin_(spin_us), close_spin_(fresh_spin_) {}
  static void* ThreadMain(void* pool);
  void Serve();
  uint32_t WaitForGeneration(uint32_t seen, AdaptiveSpin& spin);
  void RunJob();
  void TakeTasks();
  void CloseGate();

  const AdaptiveSpin fresh_spin_;  // what each thread begins with
  AdaptiveSpin close_spin_;        // of the caller
  std::vector<pthread_t> threads_;

  // The job; written only while the gate is closed and nobody is inside.
  kedge_task task_ = nullptr;
  void* argument_ = nullptr;
  uint32_t count_ = 0;

  alignas(64) std::atomic<uint32_t> next_{0};
  alignas(64) std::atomic<uint32_t> gate_{0};
  alignas(64) std::atomic<uint32_t> generation_{0};
  std::atomic<uint32_t> sleepers_{0};
  std::atomic<uint32_t> started_{0};
  std::atomic<bool> stop_{false};
};

}  // namespace kedge::runtime
