// The walls around a model, in the order in which kedge-worker puts them up. Each step takes away
// what the next ones no longer need:
//
//   LimitResources      rlimits: memory, stack, no core, no file growth, few descriptors
//   Lock                no_new_privs; Landlock: no file but the model's own; filter 1 (filters.h)
//   (the model is loaded: the first moment at which code of it could run)
//   (arena and threads are made)
//   Shut                no more processes or threads; filter 2, on all threads
//
// Landlock comes before the threads because it binds the calling thread and those that it starts;
// filter 2 after them because it denies starting any. With Landlock last, as it is
// often shown, it would miss the pool's threads and the loading.
//
// Sources: prctl(2), landlock(7), seccomp(2), setrlimit(2).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/result.h"
#include "ring/worker_process.h"

namespace kedge::worker {

constexpr uint64_t kStackBytes = uint64_t{1} << 20;
constexpr uint64_t kDescriptorsMax = 16;

// In one process once, in this order. In the level stands what was reached. With `best_effort` a
// wall that cannot be put up is left out, else it is kFailedPrecondition naming it; but a kernel
// without Landlock is accepted in any case, because filter 2 denies the same and more.
class Sandbox {
 public:
  explicit Sandbox(bool best_effort) : best_effort_(best_effort) {}

  Status LimitResources(uint64_t memory_bytes);
  // `model_fd`: the only file that may still be opened, for reading.
  Status Lock(int model_fd);
  Status Shut();

  const ring::SandboxLevel& level() const { return level_; }

 private:
  // The error, unless it may be left out.
  Status Judge(Status status, bool& reached) const;

  bool best_effort_;
  bool filter_1_ = false;
  ring::SandboxLevel level_;
};

}  // namespace kedge::worker
