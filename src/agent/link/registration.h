// Whether the server knows this device, asked no more often than the server wishes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/link/edge_client.h"

namespace kedge::agent {

// The server's CacheTTL is held between these.
constexpr std::chrono::seconds kRegistrationTtlMin{10};
constexpr std::chrono::seconds kRegistrationTtlMax{86'400};

// Thread-safe.
class Registration {
 public:
  // Given the documents of each answer that has some (trust/roots_update.h).
  using OnRoots = std::function<void(const std::vector<std::string>&)>;

  // Borrows both.
  Registration(EdgeClient& client, const Clock& clock, OnRoots on_roots)
      : client_(client), clock_(clock), on_roots_(std::move(on_roots)) {}

  // True while the server's last word is "registered", and while it has not said anything: a device
  // that cannot reach its server is not a stranger. Asks the server if the last answer is too old.
  bool IsActive();
  // Below what the server lets this device write captures, by its last answer; empty: nowhere.
  std::string CaptureLocation() const;

 private:
  EdgeClient& client_;
  const Clock& clock_;
  const OnRoots on_roots_;
  mutable std::mutex mutex_;
  std::optional<bool> active_;
  std::string capture_location_;
  std::chrono::steady_clock::time_point ask_again_;
  bool asking_ = false;
};

}  // namespace kedge::agent
