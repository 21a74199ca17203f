// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/runner.h"

#include "base/log.h"

namespace kedge::server {

Result<std::unique_ptr<JobRunner>> JobRunner::Start(store::Store& store, const Clock& clock,
                                                    store::JobKind kind, size_t threads,
                                                    JobFunction function,
                                                    std::chrono::milliseconds retry) {
  KEDGE_TRY_STATUS(store.Write([&](store::Transaction& transaction) {
    return store::RequeueJobs(transaction, kind, clock.NowMs());
  }));
  std::unique_ptr<JobRunner> runner(new JobRunner(store, clock, kind, std::move(function), retry));
  for (size_t i = 0; i < threads; ++i) {
    runner->threads_.emplace_back([raw = runner.get()] { raw->Work(); });
  }
  return runner;
}

JobRunner::~JobRunner() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (auto& [name, cancelled] : running_) cancelled = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void JobRunner::JobQueued() {
  {
    const std::lock_guard lock(mutex_);
    ++queued_;
  }
  wake_.notify_all();  // one thread alone may be one that waits to store a job's end
}

void JobRunner::StopRunning(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (const auto found = running_.find(name); found != running_.end()) found->second = true;
}

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
    std::unique_lock lock(mutex_);
    const auto woken = [&] { return stopping_ || queued_ != seen; };
    if (claimed) {
      wake_.wait(lock, woken);
    } else {
      LogError("claiming a job failed", {{"error", claimed.error().message}});
      wake_.wait_for(lock, retry_, woken);
    }
  }
}

Result<std::optional<std::string>> JobRunner::Claim() {
  std::optional<std::string> name;
  KEDGE_TRY_STATUS(store_.Write([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(name, store::ClaimJob(transaction, kind_, clock_.NowMs()));
    return {};
  }));
  return name;
}

void JobRunner::RunOne(const std::string& name) {
  std::atomic<bool>* cancelled = nullptr;
  {
    const std::lock_guard lock(mutex_);
    cancelled = &running_[name];
    cancelled->store(stopping_);
  }
  const store::Work end =
      function_({.name = name, .cancelled = *cancelled, .server_stops = stopping_});
  if (end) StoreEnd(name, end);
  const std::lock_guard lock(mutex_);
  running_.erase(name);
}

void JobRunner::StoreEnd(const std::string& name, const store::Work& end) {
  while (!stopping_) {
    const Status stored = store_.Write(end);
    if (stored) return;
    LogError("storing a job's end failed", {{"job", name}, {"error", stored.error().message}});
    if (stored.error().code != Code::kUnavailable) return;
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, retry_, [&] { return stopping_.load(); });
  }
}

}  // namespace kedge::server
