// SPDX-License-Identifier: Apache-2.0
#include "runtime/thread_pool.h"

#include <algorithm>

namespace kedge::runtime {

namespace {

constexpr uint32_t kOpen = 1u << 31;
constexpr uint32_t kCallerSleeps = 1u << 30;

}  // namespace

Result<std::unique_ptr<ThreadPool>> ThreadPool::Create(uint32_t threads, uint32_t spin_us) {
  std::unique_ptr<ThreadPool> pool(new ThreadPool(threads > 1 ? spin_us : 0));
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, kThreadStackBytes);
  int error_number = 0;
  for (uint32_t i = 1; i < threads && error_number == 0; ++i) {
    pthread_t thread{};
    error_number = ::pthread_create(&thread, &attributes, &ThreadMain, pool.get());
    if (error_number == 0) pool->threads_.push_back(thread);
  }
  ::pthread_attr_destroy(&attributes);
  if (error_number != 0) return ResourceExhausted("a thread of the model could not be started");
  for (uint32_t started = 0; (started = pool->started_.load()) != pool->threads_.size();)
    FutexWait(pool->started_, started, FutexScope::kThreads);
  return pool;
}

ThreadPool::~ThreadPool() {
  stop_.store(true);
  generation_.fetch_add(1);
  FutexWake(generation_, FutexScope::kThreads);
  for (const pthread_t thread : threads_) ::pthread_join(thread, nullptr);
}

void* ThreadPool::ThreadMain(void* pool) {
  static_cast<ThreadPool*>(pool)->Serve();
  return nullptr;
}

void ThreadPool::Serve() {
  started_.fetch_add(1);
  FutexWake(started_, FutexScope::kThreads);
  AdaptiveSpin spin = fresh_spin_;
  uint32_t seen = 0;
  for (;;) {
    seen = WaitForGeneration(seen, spin);
    if (stop_.load()) return;
    RunJob();
  }
}

uint32_t ThreadPool::WaitForGeneration(uint32_t seen, AdaptiveSpin& spin) {
  uint32_t now = seen;
  if (spin.WaitFor([&] { return (now = generation_.load(std::memory_order_acquire)) != seen; }))
    return now;
  // The caller looks at sleepers_ after it changed generation_, and this thread at generation_
  // after it changed sleepers_ (both sequentially consistent): one of them sees the other.
  sleepers_.fetch_add(1);
  while (generation_.load() == seen) FutexWait(generation_, seen, FutexScope::kThreads);
  sleepers_.fetch_sub(1);
  return generation_.load();
}

void ThreadPool::RunJob() {
  uint32_t gate = gate_.load(std::memory_order_relaxed);
  do {
    if ((gate & kOpen) == 0) return;
  } while (!gate_.compare_exchange_weak(gate, gate + 1, std::memory_order_acquire));
  TakeTasks();
  if (gate_.fetch_sub(1, std::memory_order_acq_rel) == (kCallerSleeps | 1))
    FutexWake(gate_, FutexScope::kThreads, 1);
}

void ThreadPool::TakeTasks() {
  for (;;) {
    const uint32_t i = next_.fetch_add(1, std::memory_order_relaxed);
    if (i >= count_) return;
    task_(argument_, i);
  }
}

void ThreadPool::CloseGate() {
  uint32_t gate = gate_.fetch_and(~kOpen, std::memory_order_acq_rel) & ~kOpen;
  if (gate == 0 || close_spin_.WaitFor([&] { return gate_.load(std::memory_order_acquire) == 0; }))
    return;
  gate = gate_.fetch_or(kCallerSleeps, std::memory_order_acq_rel) | kCallerSleeps;
  while (gate != kCallerSleeps) {
    FutexWait(gate_, gate, FutexScope::kThreads);
    gate = gate_.load(std::memory_order_acquire);
  }
  gate_.store(0, std::memory_order_relaxed);
}

void ThreadPool::Parallel(kedge_task task, void* argument, uint32_t n) {
  if (threads_.empty() || n < 2) {
    for (uint32_t i = 0; i < n; ++i) task(argument, i);
    return;
  }
  task_ = task;
  argument_ = argument;
  count_ = n;
  next_.store(0, std::memory_order_relaxed);
  gate_.store(kOpen, std::memory_order_release);
  generation_.fetch_add(1);
  if (const uint32_t sleepers = sleepers_.load(); sleepers > 0) {
    FutexWake(generation_, FutexScope::kThreads, static_cast<int>(std::min(sleepers, n - 1)));
  }
  TakeTasks();
  CloseGate();
}

}  // namespace kedge::runtime
