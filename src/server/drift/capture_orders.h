// Which devices are asked to capture because a model drifts there: read by every GetDeployments, so
// kept in memory and read anew every few seconds, not at each call.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>

#include "base/clock.h"
#include "protocol/capture_policy.h"
#include "server/drift/baselines.h"
#include "store/tables/device_state.h"

namespace kedge::server {

constexpr EpochMs kOrdersReadAgainMs = 2'000;
constexpr int64_t kOrdersMax = 10'000;  // of the installation; those that end first

// Thread-safe.
class CaptureOrders {
 public:
  // Borrows all.
  CaptureOrders(store::Store& store, const Clock& clock, Baselines& baselines)
      : store_(store), clock_(clock), baselines_(baselines) {}

  // What the device is asked now; mostly nothing. A store that fails leaves what was read before.
  std::vector<protocol::CapturePolicy> Of(const store::DeviceKey& key);

 private:
  using Policies = std::map<store::DeviceKey, std::vector<protocol::CapturePolicy>>;
  Result<Policies> Read(EpochMs now);

  store::Store& store_;
  const Clock& clock_;
  Baselines& baselines_;
  std::mutex mutex_;
  EpochMs read_ = 0;
  bool reading_ = false;  // by one thread; the others take what there is
  std::shared_ptr<const Policies> policies_ = std::make_shared<const Policies>();
};

}  // namespace kedge::server
