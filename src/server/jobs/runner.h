// Threads that work on the queued jobs of one kind, on any number of nodes. The queue is in the
// store (store/tables/jobs.h): a job is claimed under a lease, which a thread of the runner renews
// while the job runs; a node that dies or is frozen loses it and another runs the job again. So a
// job may run twice, even at the same time; what it leaves outside the store must bear that
// (JobRun::hold), and its end is stored by the node that holds the lease only.
//
// A job that is queued or stopped is hinted at to all nodes (Store::Notify). Hints may be lost, so
// every runner also looks for jobs, and for stop requests of those it runs, every second or so.
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
#include "server/jobs/job_log.h"
#include "store/tables/jobs.h"

namespace kedge::server {

struct JobRun {
  const std::string& name;
  // Set when the job was stopped, when another node has it, or when the server stops: the work
  // should end soon.
  const std::atomic<bool>& cancelled;
  JobLog& log;
  // Renews the lease now. kAborted if another node has the job: then nothing may be left outside
  // the store. kCancelled if it was stopped.
  std::function<Status()> hold;
};
// Works on one job to its end. An error becomes the job's reason (job_files.h FailureReason).
using JobFunction = std::function<Result<store::JobOutputs>(const JobRun&)>;

struct RunnerOptions {
  store::JobKind kind = store::JobKind::kCompilation;
  size_t threads = 1;
  // Names this data folder over all starts, so that what it ran before need not wait for its lease.
  std::string holder;
  std::string arn_prefix;  // before the job's name: what events say
  std::chrono::milliseconds lease{20'000};
  // Between two looks into the store, and up to twice that, so that nodes do not look all at once.
  std::chrono::milliseconds poll{1000};
  // Between two attempts at a write that the store refused: a full disk may have room again.
  std::chrono::milliseconds retry{1000};
};

class JobRunner final : public JobSignals {
 public:
  // Borrows store and clock. Starts at once.
  static Result<std::unique_ptr<JobRunner>> Start(store::Store& store, const Clock& clock,
                                                  RunnerOptions options, JobFunction function);
  // Cancels what runs, waits for it and gives it back to the queue.
  ~JobRunner() override;

  void JobQueued() override;
  void StopRunning(const std::string& name) override;

 private:
  // A job that one of the threads works on.
  struct Running {
    explicit Running(store::JobClaim of) : claim(std::move(of)) {}
    const store::JobClaim claim;
    JobLog log;
    std::atomic<bool> cancelled{false};
    std::atomic<bool> lost{false};                  // another node has it
    std::mutex appending;                           // one append to the stored log at a time
    std::chrono::steady_clock::time_point renewed;  // the keeper's own
  };

  JobRunner(store::Store& store, const Clock& clock, RunnerOptions options, JobFunction function)
      : store_(store),
        clock_(clock),
        options_(std::move(options)),
        function_(std::move(function)) {}

  std::string Channel() const;
  // Somebody queued or stopped a job, here or on another node.
  void Signal();

  void Work();
  // This thread's job now; nothing if none is queued.
  Result<std::optional<store::JobClaim>> Claim();
  void RunOne(const store::JobClaim& claim);
  Status AddEndEvent(store::Transaction& transaction, const std::string& name,
                     const std::string& status, const store::JobEnd& end) const;
  store::JobEnd EndOf(const Running& running, const Result<store::JobOutputs>& result) const;
  // Tries until the store takes it, so that no job stays INPROGRESS because of a full disk.
  void StoreEnd(Running& running, const store::JobEnd& end);
  Status Hold(Running& running);
  void GiveBack(Running& running);

  // One thread: renews leases, sees stop requests, stores logs.
  void Keep();
  void Look(Running& running);
  void StoreLog(Running& running, bool all);

  // Returns early when the runner stops, or on a signal after `seen`.
  void Wait(std::chrono::milliseconds most, uint64_t seen);
  std::chrono::milliseconds Jittered(std::chrono::milliseconds from) const;
  EpochMs LeaseEnd() const { return clock_.NowMs() + options_.lease.count(); }

  store::Store& store_;
  const Clock& clock_;
  const RunnerOptions options_;
  const JobFunction function_;

  std::mutex mutex_;
  std::condition_variable wake_;
  uint64_t queued_ = 0;  // grows with every signal
  std::atomic<bool> stopping_{false};
  bool ended_ = false;  // all jobs have ended: the keeper may
  // Shared by the thread that runs the job and the keeper, which looks at it outside the lock.
  std::map<std::string, std::shared_ptr<Running>> running_;
  std::vector<std::thread> threads_;
  std::thread keeper_;
  std::shared_ptr<store::Store::Listening> listening_;
};

}  // namespace kedge::server
