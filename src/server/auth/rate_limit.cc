// SPDX-License-Identifier: Apache-2.0
#include "server/auth/rate_limit.h"

#include <algorithm>

namespace kedge::server {
namespace {

const std::string kOthers;  // the entry of all names beyond the bound

}  // namespace

RateLimit::Bucket& RateLimit::Refilled(const std::string& name) {
  const auto now = clock_.Steady();
  const auto tokens_now = [&](const Bucket& bucket) {
    const std::chrono::duration<double> passed = now - bucket.counted;
    return std::min(options_.burst, bucket.tokens + passed.count() * options_.per_second);
  };
  auto found = buckets_.find(name);
  if (found == buckets_.end()) {
    if (buckets_.size() >= options_.names_max) {
      // A full bucket is as good as none.
      std::erase_if(buckets_,
                    [&](const auto& entry) { return tokens_now(entry.second) >= options_.burst; });
    }
    const bool fits = buckets_.size() < options_.names_max;
    found = buckets_.try_emplace(fits ? name : kOthers, Bucket{options_.burst, now}).first;
  }
  found->second = {tokens_now(found->second), now};
  return found->second;
}

bool RateLimit::Take(const std::string& name) {
  if (options_.per_second <= 0) return true;
  const std::lock_guard lock(mutex_);
  Bucket& bucket = Refilled(name);
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

bool RateLimit::HasToken(const std::string& name) {
  if (options_.per_second <= 0) return true;
  const std::lock_guard lock(mutex_);
  return Refilled(name).tokens >= 1;
}

size_t RateLimit::size() const {
  const std::lock_guard lock(mutex_);
  return buckets_.size();
}

std::chrono::seconds Backoff::WaitAfter(int failures) const {
  if (failures <= free_failures_) return std::chrono::seconds(0);
  const int doublings = std::min(failures - free_failures_ - 1, 10);
  return std::min(std::chrono::seconds(1 << doublings), kWaitMax);
}

const std::string& Backoff::NameInTable(const std::string& name) {
  if (failures_.contains(name)) return name;
  if (failures_.size() >= kNamesMax) {
    const auto now = clock_.Steady();
    std::erase_if(failures_,
                  [&](const auto& entry) { return now - entry.second.last >= kForgottenAfter; });
  }
  return failures_.size() < kNamesMax ? name : kOthers;
}

std::chrono::seconds Backoff::Wait(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = failures_.find(NameInTable(name));
  if (found == failures_.end()) return std::chrono::seconds(0);
  const auto passed = clock_.Steady() - found->second.last;
  const auto wait = WaitAfter(found->second.count);
  if (passed >= wait) return std::chrono::seconds(0);
  return std::chrono::ceil<std::chrono::seconds>(wait - passed);
}

void Backoff::NoteFailure(const std::string& name) {
  const std::lock_guard lock(mutex_);
  Failures& failures = failures_[NameInTable(name)];
  const auto now = clock_.Steady();
  if (now - failures.last >= kForgottenAfter) failures.count = 0;
  failures.count = std::min(failures.count + 1, 1000);
  failures.last = now;
}

void Backoff::NoteSuccess(const std::string& name) {
  const std::lock_guard lock(mutex_);
  failures_.erase(name);
}

size_t Backoff::size() const {
  const std::lock_guard lock(mutex_);
  return failures_.size();
}

}  // namespace kedge::server
