// SPDX-License-Identifier: Apache-2.0
#include "runtime/thread_pool.h"

#include <gtest/gtest.h>
#include <numeric>

namespace kedge::runtime {
namespace {

struct Counts {
  std::vector<std::atomic<uint32_t>> times;
  explicit Counts(size_t n) : times(n) {}
  static void Task(void* argument, uint32_t i) {
    static_cast<Counts*>(argument)->times[i].fetch_add(1, std::memory_order_relaxed);
  }
};

TEST(ThreadPool, RunsEveryTaskOnce) {
  for (const uint32_t threads : {1u, 2u, 3u, 8u}) {
    for (const uint32_t spin_us : {0u, 30u}) {
      SCOPED_TRACE(std::to_string(threads) + " threads, spin " + std::to_string(spin_us));
      auto pool = ThreadPool::Create(threads, spin_us);
      ASSERT_TRUE(pool);
      EXPECT_EQ((*pool)->threads(), threads);
      for (const uint32_t n : {0u, 1u, 2u, 7u, 1000u}) {
        Counts counts(n);
        (*pool)->Parallel(&Counts::Task, &counts, n);
        for (uint32_t i = 0; i < n; ++i) ASSERT_EQ(counts.times[i].load(), 1u) << i << " of " << n;
      }
    }
  }
}

// Tasks of one job see what the tasks of the job before wrote, and no task runs late: plain,
// unguarded memory, which the thread sanitizer watches.
TEST(ThreadPool, OrdersOneJobAfterTheOther) {
  auto pool = ThreadPool::Create(3, 5);
  ASSERT_TRUE(pool);
  struct Job {
    std::vector<uint64_t> values = std::vector<uint64_t>(64, 1);
    std::vector<uint64_t> sums = std::vector<uint64_t>(64);
  } job;
  for (int round = 0; round < 2000; ++round) {
    (*pool)->Parallel(
        [](void* argument, uint32_t i) {
          auto& j = *static_cast<Job*>(argument);
          j.sums[i] = j.values[i] + j.values[(i + 1) % 64];
        },
        &job, 64);
    (*pool)->Parallel(
        [](void* argument, uint32_t i) {
          auto& j = *static_cast<Job*>(argument);
          j.values[i] = j.sums[i] % 1000003;
        },
        &job, 64);
  }
  uint64_t want = 1;
  for (int round = 0; round < 2000; ++round) want = 2 * want % 1000003;
  EXPECT_EQ(job.values, std::vector<uint64_t>(64, want));
}

}  // namespace
}  // namespace kedge::runtime
