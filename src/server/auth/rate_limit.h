// Limits on how often somebody may do something, by name (an access key, an address, a user). Each
// node counts for itself. Tables are bounded: names beyond the bound share one entry, so that
// filling a table loosens nothing. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/clock.h"

namespace kedge::server {

// Token buckets: `per_second` on average, `burst` at once. Thread-safe.
class RateLimit {
 public:
  struct Options {
    double per_second = 0;  // 0: no limit
    double burst = 0;
    size_t names_max = 16'384;
  };
  // Borrows the clock.
  RateLimit(Options options, const Clock& clock) : options_(options), clock_(clock) {}

  // Takes a token; false if there is none.
  bool Take(const std::string& name);
  // Whether there is one, without taking it.
  bool HasToken(const std::string& name);
  size_t size() const;

 private:
  struct Bucket {
    double tokens;
    std::chrono::steady_clock::time_point counted;
  };
  Bucket& Refilled(const std::string& name);

  const Options options_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Bucket> buckets_;
};

// Failures that make the next attempt wait: none for the first `free_failures`, then 1 s, 2 s, 4 s
// ... up to kWaitMax. A success, or kForgottenAfter without a failure, begins anew. Thread-safe.
class Backoff {
 public:
  static constexpr std::chrono::seconds kWaitMax{900};
  static constexpr std::chrono::seconds kForgottenAfter{3600};
  static constexpr size_t kNamesMax = 4096;

  // Borrows the clock.
  Backoff(int free_failures, const Clock& clock) : free_failures_(free_failures), clock_(clock) {}

  // How long to wait still; 0: not at all.
  std::chrono::seconds Wait(const std::string& name);
  void NoteFailure(const std::string& name);
  void NoteSuccess(const std::string& name);
  size_t size() const;

 private:
  struct Failures {
    int count = 0;
    std::chrono::steady_clock::time_point last;
  };
  std::chrono::seconds WaitAfter(int failures) const;
  const std::string& NameInTable(const std::string& name);

  const int free_failures_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Failures> failures_;
};

}  // namespace kedge::server
