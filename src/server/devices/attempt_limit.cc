// SPDX-License-Identifier: Apache-2.0
#include "server/devices/attempt_limit.h"

namespace kedge::server {

bool AttemptLimit::Take(const std::string& key) {
  const auto now = clock_.Steady();
  const std::lock_guard lock(mutex_);
  if (now >= minute_begin_ + std::chrono::minutes(1)) {
    attempts_.clear();
    minute_begin_ = now;
  }
  if (attempts_.size() >= kKeysMax && !attempts_.contains(key)) return false;
  return ++attempts_[key] <= attempts_max_;
}

std::string AddressOf(const std::string& peer) { return peer.substr(0, peer.rfind(':')); }

}  // namespace kedge::server
