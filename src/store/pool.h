// Connections that are lent one at a time: at most so many are open, whoever comes later waits.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/result.h"

namespace kedge::store {

// Thread-safe. Everything that was taken is returned.
template <class T>
class Pool {
 public:
  explicit Pool(size_t open_max) : open_max_(open_max) {}

  // An idle one, or what `open` gives if fewer than the maximum are open; its error otherwise.
  template <class Open>
  Result<std::unique_ptr<T>> Take(const Open& open) {
    {
      std::unique_lock lock(mutex_);
      returned_.wait(lock, [this] { return !idle_.empty() || open_ < open_max_; });
      if (!idle_.empty()) {
        auto one = std::move(idle_.back());
        idle_.pop_back();
        return one;
      }
      ++open_;
    }
    Result<std::unique_ptr<T>> made = open();
    if (!made) Return(nullptr);
    return made;
  }

  // Null: it was of no more use, its place is free.
  void Return(std::unique_ptr<T> one) {
    {
      const std::lock_guard lock(mutex_);
      if (one != nullptr) {
        idle_.push_back(std::move(one));
      } else {
        --open_;
      }
    }
    returned_.notify_one();
  }

 private:
  const size_t open_max_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<T>> idle_;
  size_t open_ = 0;  // idle or lent
};

}  // namespace kedge::store
