// A limit of attempts by key (an address, a serial) in each minute, for doors that strangers reach.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

#include "base/clock.h"

namespace kedge::server {

// Thread-safe.
class AttemptLimit {
 public:
  static constexpr size_t kKeysMax = 65'536;  // in one minute; above: everybody is refused

  AttemptLimit(const Clock& clock, int64_t attempts_a_minute)
      : clock_(clock), attempts_max_(attempts_a_minute) {}

  // Counts an attempt. False if there were too many in this minute.
  bool Take(const std::string& key);

 private:
  const Clock& clock_;
  const int64_t attempts_max_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point minute_begin_{};
  std::unordered_map<std::string, int64_t> attempts_;
};

// "10.0.0.1" of "10.0.0.1:43210".
std::string AddressOf(const std::string& peer);

}  // namespace kedge::server
