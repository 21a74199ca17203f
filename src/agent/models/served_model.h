// One model that answers: its verified files, its worker process, and the thread that keeps a
// worker alive.
//
// The keeper thread sleeps on the worker's pidfd. When the worker ends, restart_policy.h says what
// comes next, and the keeper starts the next one before any client has to ask.
//
// A model is a pure function. So a run whose worker died is run again, once, on the next worker;
// the client sees nothing but a longer wait.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>

#include "agent/models/model_source.h"
#include "agent/models/restart_policy.h"
#include "base/clock.h"
#include "ring/worker_process.h"

namespace kedge::agent {

// How long a run waits for a worker that is being restarted.
constexpr std::chrono::milliseconds kWorkerWaitMax{2'000};

// Calls of one model at one time. More are refused, so that a model that hangs cannot take every
// thread of the server and with them the other models.
constexpr int kRunsInFlightMax = 32;

// What a model is called and where it came from.
struct ModelIdentity {
  std::string handle;
  std::string url;
  std::string model_name;
  std::string model_version;
  std::string package_sha256;
};

struct ModelCounters {
  uint64_t runs = 0;
  uint64_t failures = 0;  // runs that ended in an error of the model or its worker
  uint64_t worker_restarts = 0;
  EpochMs latest_run = 0;  // 0: none yet
};

struct ServedModelOptions {
  ring::WorkerOptions worker;  // program and limits; the model's descriptors are put in by Start
  const Clock* clock = nullptr;
  // Called once, from the keeper thread, when the version is condemned. Must not destroy the model.
  std::function<void(const std::string& why)> on_condemned;
};

// Thread-safe. Held by shared_ptr, because a run in flight keeps a model alive that was just
// unloaded or replaced.
class ServedModel {
 public:
  // Starts a worker and waits until it is ready. Errors: kFailedPrecondition if the model cannot be
  // loaded on this machine, kResourceExhausted.
  static Result<std::shared_ptr<ServedModel>> Start(std::string handle, std::string url,
                                                    ModelSource source, ServedModelOptions options);
  ~ServedModel();
  ServedModel(const ServedModel&) = delete;
  ServedModel& operator=(const ServedModel&) = delete;

  const ModelIdentity& identity() const { return identity_; }
  const std::vector<ring::IoInfo>& inputs() const { return inputs_; }
  const std::vector<ring::IoInfo>& outputs() const { return outputs_; }

  // Runs once; spans as in WorkerProcess::Run. kUnavailable if the worker died twice under this
  // run, does not come back in kWorkerWaitMax, or the version is condemned; else the model's own
  // error.
  Status Run(std::span<const Bytes> inputs, std::span<const std::span<uint8_t>> outputs);

  // Runs once on zeros, uncounted: the probe of an update.
  Status Probe();

  // Condemns the version although it runs: on_condemned hears of it, and further runs are
  // kUnavailable. Once; from any thread, which may not be the last to hold the model.
  void Condemn(const std::string& why);

  // Ends the worker; a fresh one comes in its place as after any end that is not the model's fault.
  // kUnavailable if none runs.
  Status RestartWorker();

  ModelCounters counters() const;
  bool condemned() const;
  // The baseline.json of its package; empty: none.
  const std::string& baseline() const { return source_.baseline; }
  std::string SandboxText() const;
  // Of the worker that runs now; 0: none.
  pid_t WorkerPid() const;

 private:
  ServedModel(ModelIdentity identity, ModelSource source, ServedModelOptions options);
  void Keep(std::promise<Status> first_start);
  Status StartWorker();
  // Waits for the end of the worker that runs. Nothing: the model is to stop.
  std::optional<WorkerEnd> WatchWorker(std::string* how);
  // Sleeps until the worker has ended or the model is to stop; true: stop.
  bool WaitForEnd(ring::WorkerProcess& worker);
  // After an end: false if no further worker is to be started.
  bool PrepareRestart(WorkerEnd end, const std::string& how);
  Result<std::shared_ptr<ring::WorkerProcess>> WaitForWorker(uint64_t* generation);
  Status RunUncounted(std::span<const Bytes> inputs, std::span<const std::span<uint8_t>> outputs);

  ModelIdentity identity_;
  const ModelSource source_;
  ServedModelOptions options_;
  FileDescriptor stop_event_;
  std::vector<ring::IoInfo> inputs_, outputs_;  // set by the first start, constant then
  std::string sandbox_text_;

  mutable std::mutex mutex_;
  std::condition_variable worker_changed_;
  std::shared_ptr<ring::WorkerProcess> worker_;  // shared with the runs in flight
  uint64_t generation_ = 0;                      // counts workers
  std::chrono::steady_clock::time_point worker_started_;
  RestartPolicy policy_;
  std::string condemned_why_;
  bool stopping_ = false;

  std::atomic<uint64_t> runs_{0}, failures_{0}, restarts_{0};
  std::atomic<EpochMs> latest_run_{0};
  std::atomic<int> runs_in_flight_{0};
  std::thread keeper_;
};

}  // namespace kedge::agent
