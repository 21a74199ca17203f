// Group commit, the half that both engines share: a thread takes whatever is queued, hands it to
// the engine as one batch, then answers all of it. While the engine commits, the next batch
// gathers; no timer is involved.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "store/store.h"

namespace kedge::store {

constexpr size_t kBatchMax = 1024;  // works in one transaction

// What a work is told that returns success although one of its statements failed.
constexpr const char* kPassedOver = "a work passed over the error of a statement";

struct QueuedWrite {
  Work work;
  std::function<void(Status)> done;
  Status status = {};  // what `done` will be told
};

// Thread-safe.
class WriteQueue {
 public:
  // `commit` runs on the queue's thread with 1 to kBatchMax writes, and sets the status of each.
  using Commit = std::function<void(std::vector<QueuedWrite>&)>;
  explicit WriteQueue(Commit commit);
  // Waits until everything that is queued has been answered.
  ~WriteQueue();
  WriteQueue(const WriteQueue&) = delete;
  WriteQueue& operator=(const WriteQueue&) = delete;

  // kUnavailable to `done` at once if kWritesQueuedMax are waiting.
  void Add(Work work, std::function<void(Status)> done);

 private:
  void Run();

  Commit commit_;
  std::mutex mutex_;
  std::condition_variable queued_;
  std::deque<QueuedWrite> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace kedge::store
