// SPDX-License-Identifier: Apache-2.0
#include "store/write_queue.h"

namespace kedge::store {

WriteQueue::WriteQueue(Commit commit) : commit_(std::move(commit)), thread_([this] { Run(); }) {}

WriteQueue::~WriteQueue() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  queued_.notify_one();
  thread_.join();
}

void WriteQueue::Add(Work work, std::function<void(Status)> done) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_ && queue_.size() < kWritesQueuedMax) {
      queue_.push_back({std::move(work), std::move(done)});
      done = nullptr;
    }
  }
  if (done != nullptr) {
    done(Unavailable("too many writes are waiting"));
    return;
  }
  queued_.notify_one();
}

void WriteQueue::Run() {
  for (;;) {
    std::vector<QueuedWrite> batch;
    {
      std::unique_lock lock(mutex_);
      queued_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      while (!queue_.empty() && batch.size() < kBatchMax) {
        batch.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
    }
    commit_(batch);
    for (QueuedWrite& write : batch) write.done(std::move(write.status));
  }
}

}  // namespace kedge::store
