// SPDX-License-Identifier: Apache-2.0
#include "http/handler_pool.h"

#include <utility>

namespace kedge::http {

HandlerPool::HandlerPool(uint32_t threads, uint32_t queue_max) : queue_max_(queue_max) {
  for (uint32_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

bool HandlerPool::TryPost(std::function<void()> task) {
  bool tells = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= queue_max_) return false;
    queue_.push_back(std::move(task));
    tells = waiting_ > 0 && !std::exchange(told_, true);
  }
  if (tells) wake_.notify_one();
  return true;
}

void HandlerPool::Work() {
  for (;;) {
    std::function<void()> task;
    bool tells = false;
    {
      std::unique_lock lock(mutex_);
      while (!stopping_ && queue_.empty()) {
        ++waiting_;
        wake_.wait(lock);
        --waiting_;
        told_ = false;
      }
      if (stopping_) return;
      task = std::move(queue_.front());
      queue_.pop_front();
      tells = !queue_.empty() && waiting_ > 0 && !std::exchange(told_, true);
    }
    if (tells) wake_.notify_one();
    task();
  }
}

void HandlerPool::Stop() {
  std::deque<std::function<void()>> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(queue_);
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace kedge::http
