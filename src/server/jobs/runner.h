// Threads that work on the queued jobs of one kind. The queue is in the store: a job is claimed by
// one committed update, and one that was running when the server died is queued again at the next
// start, so running a job twice must give the same result.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "server/api/context.h"
#include "store/tables/jobs.h"

namespace kedge::server {

// `cancelled` is set when the job is stopped or the server stops: the work should end soon.
struct JobRun {
  const std::string& name;
  const std::atomic<bool>& cancelled;
  const std::atomic<bool>& server_stops;
};
// Works on one job to its end and gives the write that stores how it ended; none if the server
// stops, so that the next start runs the job again.
using JobFunction = std::function<store::Work(const JobRun&)>;

// Between two attempts at a write that the store refused: a full disk may have room again.
constexpr std::chrono::milliseconds kStoreRetry{1000};

class JobRunner final : public JobSignals {
 public:
  // Borrows store and clock. Starts at once; queues again what was running before.
  static Result<std::unique_ptr<JobRunner>> Start(store::Store& store, const Clock& clock,
                                                  store::JobKind kind, size_t threads,
                                                  JobFunction function,
                                                  std::chrono::milliseconds retry = kStoreRetry);
  ~JobRunner() override;  // cancels what runs and waits for it

  void JobQueued() override;
  void StopRunning(const std::string& name) override;

 private:
  JobRunner(store::Store& store, const Clock& clock, store::JobKind kind, JobFunction function,
            std::chrono::milliseconds retry)
      : store_(store), clock_(clock), kind_(kind), function_(std::move(function)), retry_(retry) {}
  void Work();
  // The name of the job that is this thread's now; nothing if none is queued.
  Result<std::optional<std::string>> Claim();
  void RunOne(const std::string& name);
  // Tries until the store takes it, so that no job stays INPROGRESS because of a full disk.
  void StoreEnd(const std::string& name, const store::Work& end);

  store::Store& store_;
  const Clock& clock_;
  const store::JobKind kind_;
  const JobFunction function_;
  const std::chrono::milliseconds retry_;

  std::mutex mutex_;
  std::condition_variable wake_;
  uint64_t queued_ = 0;  // grows with every signal
  std::atomic<bool> stopping_{false};
  std::map<std::string, std::atomic<bool>> running_;  // the flag: cancelled
  std::vector<std::thread> threads_;
};

}  // namespace kedge::server
