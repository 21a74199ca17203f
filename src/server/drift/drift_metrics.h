// Gauges of drift for Prometheus, named as the field names them. Bounded: at most
// kDriftSubjectsShown models and kDriftFeaturesShown features of each, the worst; no device ids.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "server/drift/baselines.h"
#include "server/drift/judgement.h"
#include "store/tables/drift_subjects.h"

namespace kedge::server {

constexpr int64_t kDriftSubjectsShown = 200;
constexpr size_t kDriftFeaturesShown = 8;
constexpr EpochMs kDriftMetricsAgeMs = 5'000;  // they are read anew after it

// A value with its labels.
using DriftSample = std::pair<std::map<std::string, std::string>, double>;

// Thread-safe.
class DriftMetrics {
 public:
  // Borrows all.
  DriftMetrics(store::Store& store, const Clock& clock, Baselines& baselines)
      : store_(store), clock_(clock), baselines_(baselines) {}

  std::vector<DriftSample> Evidence();         // log10 of days; features, and models without one
  std::vector<DriftSample> Threshold();        // log10 of days, a model
  std::vector<DriftSample> Alarms();           // 1 while ALARM, a model
  std::vector<DriftSample> AffectedDevices();  // a model
  std::vector<DriftSample> Samples();          // of the last 24 hours, a model
  std::vector<DriftSample> Accuracy(double QualityEstimate::* member);

 private:
  struct Shown {
    store::DriftSubject subject;
    Judgement judgement;
    std::shared_ptr<const KnownBaseline> baseline;
  };
  using Snapshot = std::vector<Shown>;
  std::shared_ptr<const Snapshot> Read();
  Result<Snapshot> ReadRows();

  store::Store& store_;
  const Clock& clock_;
  Baselines& baselines_;
  std::mutex mutex_;
  EpochMs read_ = 0;
  std::shared_ptr<const Snapshot> snapshot_;
};

}  // namespace kedge::server
