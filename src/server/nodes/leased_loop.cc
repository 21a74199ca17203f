// SPDX-License-Identifier: Apache-2.0
#include "server/nodes/leased_loop.h"

#include "base/log.h"

namespace kedge::server {

LeasedLoop::LeasedLoop(store::Store& store, const Clock& clock, LeasedLoopOptions options,
                       LeasedWork work)
    : store_(store),
      clock_(clock),
      options_(std::move(options)),
      work_(std::move(work)),
      thread_([this] { Run(); }) {}

LeasedLoop::~LeasedLoop() { Stop(); }

void LeasedLoop::Wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  wake_.notify_all();
}

void LeasedLoop::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void LeasedLoop::Run() {
  const std::chrono::milliseconds third = options_.ttl / 3;
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) break;
    }
    if (!Hold()) {
      Wait(third);
    } else if (!Step()) {
      Wait(std::min(options_.period, third));
    }
  }
  if (!lease_) return;
  const Status released = store_.Write(
      [&](store::Transaction& transaction) { return store::ReleaseLease(transaction, *lease_); });
  if (!released) {
    LogWarning("a lease is left to expire",
               {{"lease", options_.lease}, {"error", released.error().message}});
  }
}

void LeasedLoop::Wait(std::chrono::milliseconds most) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, most, [this] { return stopping_ || woken_; });
  woken_ = false;
}

bool LeasedLoop::Hold() {
  if (lease_ && clock_.Steady() - renewed_ < options_.ttl / 3) return true;
  const bool held = lease_.has_value();
  if (const Status status = TakeOrRenew(); !status) {
    if (status.error().code == Code::kAborted) lease_.reset();
    LogWarning("a lease cannot be had",
               {{"lease", options_.lease}, {"error", status.error().message}});
    return false;
  }
  if (lease_ && !held) {
    LogInfo("lease taken", {{"lease", options_.lease}, {"token", std::to_string(lease_->token)}});
  }
  return lease_.has_value();
}

Status LeasedLoop::TakeOrRenew() {
  const auto steady = clock_.Steady();
  const EpochMs now = clock_.NowMs();
  if (!lease_) {
    // Looking is cheaper than writing, and most nodes only look.
    bool taken = false;
    KEDGE_TRY_STATUS(store_.Read([&](store::Transaction& transaction) -> Status {
      KEDGE_TRY(const auto found, store::FindLease(transaction, options_.lease));
      taken = found && found->holder != options_.node && found->expires > now;
      return {};
    }));
    if (taken) return {};
  }
  std::optional<store::Lease> next;
  KEDGE_TRY_STATUS(store_.Write([&](store::Transaction& transaction) -> Status {
    if (lease_) {
      KEDGE_TRY(next, store::RenewLease(transaction, *lease_, now, options_.ttl.count()));
      return {};
    }
    KEDGE_TRY(next, store::AcquireLease(transaction, {.name = options_.lease,
                                                      .holder = options_.node,
                                                      .now = now,
                                                      .ttl_ms = options_.ttl.count()}));
    return {};
  }));
  lease_ = std::move(next);
  renewed_ = steady;
  return {};
}

bool LeasedLoop::Step() {
  const auto step = work_(*lease_);
  if (step) return *step == LeasedStep::kMore;
  LogWarning("a step of leased work failed", {{"lease", options_.lease},
                                              {"token", std::to_string(lease_->token)},
                                              {"error", step.error().message}});
  if (step.error().code == Code::kAborted) lease_.reset();
  return false;
}

}  // namespace kedge::server
