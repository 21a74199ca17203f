// Looks at inferences off their callers' path.
//
// A caller that has an answer offers the inference; if the model's budget (look_budget.h) allows a
// look, the tensors are copied into a bounded queue, and one thread of low priority counts them,
// follows the rule of drift and captures. A full queue loses the look, never the caller's time.
//
// Statistics leave with heartbeats: a report is made when none waits for its acknowledgement, is
// kept in a file, and is sent unchanged until it has one, over restarts too; its (boot, sequence)
// lets the server count it once. A kill loses what was counted since the last report was made.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <thread>

#include "agent/models/registry.h"
#include "agent/monitor/model_watch.h"
#include "protocol/capture_policy.h"
#include "protocol/edge_api.h"

namespace kedge::agent {

constexpr size_t kLooksWaitingMax = 8;
constexpr size_t kFloorWaitingMax = 256;  // with those that the floor of captures has drawn
constexpr uint64_t kWaitingBytesMax = 32 << 20;
constexpr uint64_t kLookBytesMax = 16 << 20;  // tensors of an inference that is looked at
constexpr uint64_t kReportSamplesMin = 20;    // fewer wait for the next report: privacy, and noise
constexpr size_t kWatchesMax = 2 * kModelsMax;  // with those whose model has gone

// Thread-safe.
class Watcher {
 public:
  struct Parts {
    const Clock& clock;
    CaptureQueue& captures;
    DayBudget& day;
    FileSystem& disk;
    Path report_file;  // keeps the report that waits; empty: memory only
  };
  // Borrows the parts.
  Watcher(Parts parts, WatchOptions options, CapturePolicy policy);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  // kFailedPrecondition if the rule of drift has stopped this model.
  Status Check(const std::shared_ptr<ServedModel>& model) const;
  // An inference that was answered; `run` is how long it took.
  void Offer(const std::shared_ptr<ServedModel>& model, std::span<const Bytes> inputs,
             std::span<const std::span<uint8_t>> outputs, std::chrono::nanoseconds run);
  // Replaces the policy of automatic captures.
  void SetPolicy(const CapturePolicy& policy);
  // Replaces what the server asks for: captures of the reason "drift" of these models, each until
  // its time is over, at the device's own rate and budget.
  void SetServerPolicies(std::vector<protocol::CapturePolicy> policies);
  // Of a clean stop: what was counted is in the file afterwards, if no report waits there already.
  void KeepReport();

  // The member Statistics of the next heartbeat; empty: nothing to report. Call it once a
  // heartbeat, and Acknowledge when the server has taken (or will never take) what it gave.
  std::string Statistics();
  void Acknowledge();

  // Of the loaded model; all zero if it was never offered.
  WatchCounters CountersOf(const std::shared_ptr<ServedModel>& model) const;
  // Returns when everything that was offered has been looked at.
  void Drain();

 private:
  struct Waiting {
    std::shared_ptr<ModelWatch> watch;
    InferenceCopy inference;
    std::chrono::nanoseconds copying{0};
    uint64_t bytes = 0;
  };

  std::shared_ptr<ModelWatch> WatchOf(const std::shared_ptr<ServedModel>& model);
  std::shared_ptr<ModelWatch> Find(const std::shared_ptr<ServedModel>& model) const;
  // Tells a watch what is asked for its model. The caller holds watches_mutex_.
  void Apply(ModelWatch& watch) const;
  void Run();
  void ReadReport();
  std::string MakeReport();
  // Moves counts of all models that have enough into ready_, and forgets models that have gone.
  void TakeReports();

  const Parts parts_;
  const WatchOptions options_;

  mutable std::shared_mutex watches_mutex_;
  // By identity of the model, also when it has gone and another stands at its address.
  std::map<std::weak_ptr<ServedModel>, std::shared_ptr<ModelWatch>, std::owner_less<>> watches_;
  CapturePolicy policy_;
  std::vector<protocol::CapturePolicy> server_policies_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting> waiting_;
  uint64_t waiting_bytes_ = 0;        // of waiting_, and of those that are being copied
  std::vector<InferenceCopy> spare_;  // buffers to use again
  bool looking_ = false;
  bool stopping_ = false;

  std::mutex look_mutex_;  // held while a model is looked at or reported
  FloorDraw floor_;
  AutoCapture chooser_;
  const uint64_t boot_;
  uint64_t sequence_ = 0;
  std::string unacknowledged_;
  std::deque<stats::ModelReport> ready_;  // taken, and not yet in a report; one a watch at most

  std::thread thread_;
};

}  // namespace kedge::agent
