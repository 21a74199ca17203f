// What the agent watches of one loaded model: statistics against the baseline of its package,
// evidence of drift, and which inferences are captured.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "agent/capture/auto_capture.h"
#include "agent/capture/capture_queue.h"
#include "agent/capture/day_budget.h"
#include "agent/models/served_model.h"
#include "agent/monitor/look_budget.h"
#include "stats/monitor.h"

namespace kedge::agent {

// What the device does by itself when a model's inputs or outputs drift.
enum class DriftRule : uint8_t {
  kNothing,   // the server is told, and captures follow the policy
  kStop,      // Predict is refused until the model is loaded anew
  kFallBack,  // the version is condemned, as one that crashes: the former one takes its place
};

struct WatchOptions {
  double cpu_fraction = 0.01;  // of the model's run time that looking may cost
  DriftRule rule = DriftRule::kNothing;
};

struct WatchCounters {
  uint64_t looked_at = 0;    // inferences
  uint64_t missed = 0;       // that were due and found the queue full
  uint64_t captured = 0;     // automatically
  uint64_t over_budget = 0;  // chosen, but the day's budget was spent or the buffer full
  double look_share = 0;     // of the last runs
  std::chrono::nanoseconds look_time{0};  // processor time of all looks, copying included
  double drift_level = 0;                 // 1: the device's own alarm; 0 without a baseline
  bool watched = false;                   // it has a baseline that fits
};

// The tensors of one inference, copied.
struct InferenceCopy {
  EpochMs time = 0;
  bool floor = false;                       // the floor of captures has drawn it
  std::vector<ByteBuffer> inputs, outputs;  // in the model's order
};

// For one thread at a time; the functions above Look are thread-safe.
class ModelWatch {
 public:
  // Watches `model`; one whose package has no baseline is only captured. The model may go before
  // its watch, whose last counts are still to be reported.
  ModelWatch(const std::shared_ptr<ServedModel>& model, const WatchOptions& options);

  // Whether a run that took so long is to be looked at.
  bool Begin(std::chrono::nanoseconds run) { return has_baseline_ && budget_.Begin(run); }
  // One that is looked at in any case.
  void Force() { budget_.Force(); }
  bool has_baseline() const { return has_baseline_; }
  void CountMissed() { missed_.fetch_add(1, std::memory_order_relaxed); }
  // Why Predict is refused; empty: it is not.
  std::string StoppedWhy() const;
  const ModelIdentity& identity() const { return identity_; }
  bool gone() const { return model_.expired(); }
  WatchCounters counters() const;
  // Captures of the reason "drift" are taken until then although the device itself has no alarm.
  void SetDriftUntil(EpochMs until) { drift_until_.store(until, std::memory_order_relaxed); }

  // Before each look: the first one makes the monitor of the package's baseline, which takes
  // milliseconds. A baseline that does not fit is logged and not used.
  void Prepare(EpochMs now);
  // Counts the inference, follows the rule, and captures it if it is chosen.
  void Look(const InferenceCopy& inference, const CapturePolicy& policy, AutoCapture& chooser,
            DayBudget& day, CaptureQueue& captures);
  void LookHasCost(std::chrono::nanoseconds real) {
    budget_.Done(real);
    look_ns_.fetch_add(real.count(), std::memory_order_relaxed);
  }

  // Counts since the last report; nothing without a baseline or with fewer than `samples_min`.
  std::optional<stats::ModelReport> TakeReport(EpochMs now, uint64_t samples_min);

 private:
  Observation Observe(const InferenceCopy& inference);
  void FollowRule();
  CaptureRecord MakeRecord(const InferenceCopy& inference, const CaptureChoice& choice) const;

  const std::weak_ptr<ServedModel> model_;
  const ModelIdentity identity_;
  const std::vector<ring::IoInfo> inputs_, outputs_;
  const WatchOptions options_;
  LookBudget budget_;
  std::optional<stats::ModelMonitor> monitor_;  // made at the first look
  bool acted_ = false;

  std::atomic<bool> has_baseline_;  // false also for one that does not fit
  std::atomic<bool> stopped_{false};
  std::atomic<EpochMs> drift_until_{0};
  std::atomic<double> level_{0};
  std::atomic<int64_t> look_ns_{0};
  std::atomic<uint64_t> looked_at_{0}, missed_{0}, captured_{0}, over_budget_{0};
};

}  // namespace kedge::agent
