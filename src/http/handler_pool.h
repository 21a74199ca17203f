// Threads that run request handlers from one bounded queue.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace kedge::http {

// Thread-safe, but Stop() and destruction belong to one thread that is none of the pool's.
class HandlerPool {
 public:
  HandlerPool(uint32_t threads, uint32_t queue_max);
  ~HandlerPool() { Stop(); }
  HandlerPool(const HandlerPool&) = delete;
  HandlerPool& operator=(const HandlerPool&) = delete;

  // False if the queue is full or the pool has stopped; the task is then gone.
  bool TryPost(std::function<void()> task);
  // Drops waiting tasks and joins the threads, after the tasks that run have returned.
  void Stop();

 private:
  void Work();

  const uint32_t queue_max_;
  std::mutex mutex_;
  std::condition_variable wake_;
  size_t waiting_ = 0;  // threads that wait for a task
  // One of them was told and has not looked yet. Who looks and finds more tells the next: threads
  // that run come back for tasks by themselves, and waking one costs more than many a task.
  bool told_ = false;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace kedge::http
