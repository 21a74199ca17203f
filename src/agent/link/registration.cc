// SPDX-License-Identifier: Apache-2.0
#include "agent/link/registration.h"

#include <algorithm>

#include "base/log.h"

namespace kedge::agent {

bool Registration::IsActive() {
  {
    std::lock_guard lock(mutex_);
    if (asking_ || (active_.has_value() && clock_.Steady() < ask_again_))
      return active_.value_or(true);
    asking_ = true;
  }
  const auto answer = client_.GetDeviceRegistration();
  if (answer && !answer->roots_documents.empty()) on_roots_(answer->roots_documents);
  std::lock_guard lock(mutex_);
  asking_ = false;
  if (!answer) {
    LogWarning("cannot ask for the registration", {{"why", answer.error().message}});
    return active_.value_or(true);
  }
  const bool active = protocol::IsRegistered(answer->registration);
  if (active_ != active)
    LogInfo("registration", {{"answer", answer->registration},
                             {"device", client_.device().device_name},
                             {"fleet", client_.device().device_fleet_name}});
  active_ = active;
  capture_location_ = active ? answer->capture_location : "";
  ask_again_ = clock_.Steady() + std::clamp(std::chrono::seconds(answer->cache_ttl_seconds),
                                            kRegistrationTtlMin, kRegistrationTtlMax);
  return active;
}

std::string Registration::CaptureLocation() const {
  const std::lock_guard lock(mutex_);
  return capture_location_;
}

}  // namespace kedge::agent
