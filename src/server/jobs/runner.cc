// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/runner.h"

#include "base/crypto/crypto.h"
#include "base/log.h"
#include "server/jobs/job_files.h"
#include "store/tables/events.h"
#include "store/tables/job_logs.h"

namespace kedge::server {
namespace {

constexpr int kRenewalsPerLease = 3;

}  // namespace

Result<std::unique_ptr<JobRunner>> JobRunner::Start(store::Store& store, const Clock& clock,
                                                    RunnerOptions options, JobFunction function) {
  KEDGE_TRY_STATUS(store.Write([&](store::Transaction& transaction) {
    return store::EndLeasesOf(transaction, options.kind, options.holder);
  }));
  const size_t threads = options.threads;
  std::unique_ptr<JobRunner> runner(
      new JobRunner(store, clock, std::move(options), std::move(function)));
  for (size_t i = 0; i < threads; ++i) {
    runner->threads_.emplace_back([raw = runner.get()] { raw->Work(); });
  }
  runner->keeper_ = std::thread([raw = runner.get()] { raw->Keep(); });
  runner->listening_ = store.Listen(runner->Channel(), [raw = runner.get()] { raw->Signal(); });
  return runner;
}

JobRunner::~JobRunner() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (auto& [name, running] : running_) running->cancelled = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  wake_.notify_all();
  keeper_.join();
}

std::string JobRunner::Channel() const {
  return "jobs " + std::string(store::NameOf(options_.kind));
}

void JobRunner::JobQueued() { store_.Notify(Channel()); }

void JobRunner::Signal() {
  {
    const std::lock_guard lock(mutex_);
    ++queued_;
  }
  wake_.notify_all();  // one thread alone may be one that waits to store a job's end
}

void JobRunner::StopRunning(const std::string& name) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = running_.find(name); found != running_.end()) {
      found->second->cancelled = true;
      return;
    }
  }
  store_.Notify(Channel());  // maybe another node runs it
}

void JobRunner::Wait(std::chrono::milliseconds most, uint64_t seen) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, most, [&] { return stopping_ || queued_ != seen; });
}

std::chrono::milliseconds JobRunner::Jittered(std::chrono::milliseconds from) const {
  const ByteBuffer random = crypto::RandomBytes(1);
  return from + from * random[0] / 255;
}

// ---- The threads that run jobs ----

void JobRunner::Work() {
  while (!stopping_) {
    uint64_t seen = 0;
    {
      const std::lock_guard lock(mutex_);
      seen = queued_;
    }
    const auto claimed = Claim();
    if (claimed && *claimed) {
      RunOne(**claimed);
      continue;
    }
    // A job queued after the claim found nothing has raised the count.
    if (!claimed) LogError("claiming a job failed", {{"error", claimed.error().message}});
    Wait(claimed ? Jittered(options_.poll) : options_.retry, seen);
  }
}

Result<std::optional<store::JobClaim>> JobRunner::Claim() {
  bool any = false;
  KEDGE_TRY_STATUS(store_.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(any, store::AnyJobToClaim(transaction, options_.kind, clock_.NowMs()));
    return {};
  }));
  std::optional<store::JobClaim> claim;
  if (!any) return claim;
  const auto take = [&](store::Transaction& transaction) -> Status {
    const EpochMs now = clock_.NowMs();
    KEDGE_TRY_STATUS(store::EndAbandonedJobs(transaction, options_.kind, now));
    KEDGE_TRY(claim,
              store::ClaimJob(transaction, options_.kind,
                              {.holder = options_.holder, .now = now, .lease_until = LeaseEnd()}));
    return {};
  };
  KEDGE_TRY_STATUS(store_.Write(take));
  return claim;
}

void JobRunner::RunOne(const store::JobClaim& claim) {
  const auto running = std::make_shared<Running>(claim);
  running->renewed = std::chrono::steady_clock::now();
  {
    const std::lock_guard lock(mutex_);
    running->cancelled = stopping_.load();
    running_[claim.name] = running;
  }
  const std::string kind(store::NameOf(options_.kind));
  LogInfo("job started",
          {{"kind", kind}, {"job", claim.name}, {"attempt", std::to_string(claim.attempt)}});
  running->log.Line("attempt " + std::to_string(claim.attempt) + " begins");
  const auto result = function_({.name = running->claim.name,
                                 .cancelled = running->cancelled,
                                 .log = running->log,
                                 .hold = [&] { return Hold(*running); }});
  if (running->lost) {
    LogWarning("job was taken over by another node", {{"kind", kind}, {"job", claim.name}});
  } else if (stopping_ && !result) {
    GiveBack(*running);
  } else {
    StoreEnd(*running, EndOf(*running, result));
  }
  const std::lock_guard lock(mutex_);
  running_.erase(claim.name);
}

store::JobEnd JobRunner::EndOf(const Running& running,
                               const Result<store::JobOutputs>& result) const {
  store::JobEnd end{.time = clock_.NowMs()};
  if (result) {
    end.status = store::kJobCompleted;
    end.outputs = *result;
  } else if (running.cancelled || result.error().code == Code::kCancelled) {
    end.status = store::kJobStopped;
  } else {
    end.status = store::kJobFailed;
    end.reason = FailureReason(result.error());
  }
  return end;
}

Status JobRunner::AddEndEvent(store::Transaction& transaction, const std::string& name,
                              const std::string& status, const store::JobEnd& end) const {
  const bool failed = status == store::kJobFailed;
  return store::AddEvent(transaction, end.time,
                         {.kind = store::EventKind::kJobEnded,
                          .severity = failed ? store::Severity::kError : store::Severity::kInfo,
                          .resource = options_.arn_prefix + name,
                          .message = std::string(store::NameOf(options_.kind)) + " job " + name +
                                     " is " + status + (failed ? ": " + end.reason : "")});
}

void JobRunner::StoreEnd(Running& running, const store::JobEnd& end) {
  running.log.Line("ends: " + end.status + (end.reason.empty() ? "" : ": " + end.reason));
  StoreLog(running, true);
  while (true) {
    std::optional<std::string> stored;
    const Status status = store_.Write([&](store::Transaction& transaction) -> Status {
      KEDGE_TRY(stored, store::EndJob(transaction, options_.kind, running.claim, end));
      if (!stored) return {};
      return AddEndEvent(transaction, running.claim.name, *stored, end);
    });
    if (status) {
      LogInfo("job ended", {{"kind", std::string(store::NameOf(options_.kind))},
                            {"job", running.claim.name},
                            {"status", stored.value_or("another node has it")},
                            {"reason", end.reason}});
      return;
    }
    LogError("storing a job's end failed",
             {{"job", running.claim.name}, {"error", status.error().message}});
    if (status.error().code != Code::kUnavailable || stopping_) return;
    uint64_t seen = 0;
    {
      const std::lock_guard lock(mutex_);
      seen = queued_;
    }
    Wait(options_.retry, seen);
  }
}

void JobRunner::GiveBack(Running& running) {
  running.log.Line("the server stops; the job is queued again");
  StoreLog(running, true);
  const Status status = store_.Write([&](store::Transaction& transaction) {
    return store::ReleaseJob(transaction, options_.kind, running.claim, clock_.NowMs());
  });
  if (!status) {
    LogWarning("a job keeps its lease until that ends",
               {{"job", running.claim.name}, {"error", status.error().message}});
  }
}

Status JobRunner::Hold(Running& running) {
  std::optional<std::string> status;
  KEDGE_TRY_STATUS(store_.Write([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(status, store::HoldJob(transaction, options_.kind, running.claim, LeaseEnd()));
    return {};
  }));
  if (!status) {
    running.lost = true;
    running.cancelled = true;
    return Aborted("another node runs the job");
  }
  if (*status == store::kJobStopping) {
    running.cancelled = true;
    return Cancelled("the job was stopped");
  }
  return {};
}

// ---- The keeper ----

void JobRunner::Keep() {
  uint64_t seen = 0;
  while (true) {
    std::vector<std::shared_ptr<Running>> all;
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, options_.poll, [&] { return ended_ || queued_ != seen; });
      if (ended_) return;
      seen = queued_;
      for (const auto& [name, running] : running_) all.push_back(running);
    }
    for (const auto& running : all) Look(*running);
  }
}

void JobRunner::Look(Running& running) {
  const auto now = std::chrono::steady_clock::now();
  const bool renew = now - running.renewed >= options_.lease / kRenewalsPerLease;
  Status status;
  if (renew) {
    status = Hold(running);
    if (status) running.renewed = now;
  } else {
    std::optional<std::string> found;
    status = store_.Read([&](store::Transaction& transaction) -> Status {
      KEDGE_TRY(found, store::LookAtJob(transaction, options_.kind, running.claim));
      return {};
    });
    // A job that has just ended is not looked for any more; Hold tells that from one that was lost.
    if (status && found != store::kJobInProgress) status = Hold(running);
  }
  if (!status && status.error().code == Code::kUnavailable) {
    LogWarning("a job's lease was not renewed",
               {{"job", running.claim.name}, {"error", status.error().message}});
  }
  StoreLog(running, false);
}

void JobRunner::StoreLog(Running& running, bool all) {
  const std::lock_guard lock(running.appending);
  const std::string text = running.log.Take(all);
  if (text.empty() || running.lost) return;
  const Status status = store_.Write([&](store::Transaction& transaction) {
    return store::AppendJobLog(transaction, options_.kind, running.claim, text);
  });
  if (!status && status.error().code != Code::kAborted) {
    LogWarning("a job's log was not stored",
               {{"job", running.claim.name}, {"error", status.error().message}});
  }
}

}  // namespace kedge::server
