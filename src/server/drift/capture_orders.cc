// SPDX-License-Identifier: Apache-2.0
#include "server/drift/capture_orders.h"

#include "base/log.h"
#include "server/drift/fleet_evidence.h"
#include "store/tables/drift_devices.h"
#include "store/tables/drift_subjects.h"

namespace kedge::server {
namespace {

std::vector<std::string> FeatureNames(const std::string& named, const KnownBaseline& baseline) {
  std::vector<std::string> names;
  for (const size_t place : NamedPlaces(named)) {
    if (place < baseline.baseline.features.size()) {
      names.push_back(baseline.baseline.features[place].name);
    }
  }
  return names;
}

}  // namespace

Result<CaptureOrders::Policies> CaptureOrders::Read(EpochMs now) {
  std::vector<store::DriftCapture> captures;
  KEDGE_TRY_STATUS(store_.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(captures, store::ActiveCaptures(transaction, now, kOrdersMax));
    return {};
  }));
  Policies policies;
  for (const store::DriftCapture& capture : captures) {
    protocol::CapturePolicy policy{.model_name = capture.model,
                                   .model_version = capture.version,
                                   .features = {},
                                   .until = capture.until};
    KEDGE_TRY(const auto baseline, baselines_.Find(capture.baseline));
    if (baseline != nullptr) policy.features = FeatureNames(capture.named, *baseline);
    policies[capture.key].push_back(std::move(policy));
  }
  return policies;
}

std::vector<protocol::CapturePolicy> CaptureOrders::Of(const store::DeviceKey& key) {
  const EpochMs now = clock_.NowMs();
  std::unique_lock lock(mutex_);
  if (now - read_ >= kOrdersReadAgainMs && !reading_) {
    reading_ = true;
    lock.unlock();
    auto policies = Read(now);
    if (!policies) {
      LogWarning("reading which devices capture failed", {{"error", policies.error().message}});
    }
    lock.lock();
    if (policies) policies_ = std::make_shared<const Policies>(*std::move(policies));
    read_ = now;
    reading_ = false;
  }
  const std::shared_ptr<const Policies> policies = policies_;
  lock.unlock();
  const auto found = policies->find(key);
  return found == policies->end() ? std::vector<protocol::CapturePolicy>() : found->second;
}

}  // namespace kedge::server
