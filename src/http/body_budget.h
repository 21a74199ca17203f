// How much memory all request bodies of a server may take together while they are received and
// handled. Without it as many bytes would lie in memory as connections times the body's limit.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace kedge::http {

// Thread-safe.
class BodyBudget {
 public:
  explicit BodyBudget(uint64_t bytes_max) : bytes_max_(bytes_max) {}
  bool TryTake(uint64_t bytes) {
    const uint64_t before = taken_.fetch_add(bytes);
    if (before + bytes <= bytes_max_) return true;
    taken_.fetch_sub(bytes);
    return false;
  }
  void Give(uint64_t bytes) { taken_.fetch_sub(bytes); }
  uint64_t taken() const { return taken_.load(); }

 private:
  const uint64_t bytes_max_;
  std::atomic<uint64_t> taken_{0};
};

// What one request has of the budget; given back at its end. Shared budget: a request may outlive
// its server.
class BodyShare {
 public:
  explicit BodyShare(std::shared_ptr<BodyBudget> budget) : budget_(std::move(budget)) {}
  BodyShare(BodyShare&& other) noexcept
      : budget_(std::move(other.budget_)), bytes_(std::exchange(other.bytes_, 0)) {}
  BodyShare& operator=(BodyShare&&) = delete;
  ~BodyShare() { Release(); }
  // False: the budget is used up.
  bool Grow(uint64_t bytes) {
    if (!budget_->TryTake(bytes)) return false;
    bytes_ += bytes;
    return true;
  }
  void Release() {
    if (bytes_ > 0) budget_->Give(std::exchange(bytes_, 0));
  }

 private:
  std::shared_ptr<BodyBudget> budget_;
  uint64_t bytes_ = 0;
};

}  // namespace kedge::http
