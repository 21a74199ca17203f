// Work that one node of an installation does at a time: the advance of stages, retention, the
// outbox, roll-ups.
//
// A loop on every node tries to hold the lease of the work's name. The one that holds it runs the
// work in steps and renews the lease between them, a third of its time after the last renewal. A
// step must be bounded (well below that third) and restartable, and begin each of its transactions
// with store::Fence(transaction, lease): a node that was paused in the middle of a step then
// changes nothing after another took over. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "store/store.h"
#include "store/tables/leases.h"

namespace kedge::server {

constexpr std::chrono::milliseconds kLeaseTtl{10'000};

enum class LeasedStep {
  kMore,  // there is more to do now
  kIdle,  // nothing to do until the next period or Wake()
};
// Does one step of the work. An error is logged and the step is tried again after a wait; kAborted
// (the lease was lost) gives the lease up.
using LeasedWork = std::function<Result<LeasedStep>(const store::Lease&)>;

struct LeasedLoopOptions {
  std::string lease;  // name of the work
  std::string node;   // id of this node
  std::chrono::milliseconds ttl = kLeaseTtl;
  std::chrono::milliseconds period{1000};  // between two steps when there is nothing to do
};

// Thread-safe; one thread of its own.
class LeasedLoop {
 public:
  // Borrows store and clock. Starts at once.
  LeasedLoop(store::Store& store, const Clock& clock, LeasedLoopOptions options, LeasedWork work);
  ~LeasedLoop();  // waits for the step that runs, and releases the lease

  // There may be something to do now.
  void Wake();
  // Ends the loop and releases the lease, for a graceful stop; the destructor does it too.
  void Stop();

 private:
  void Run();
  bool Hold();  // true if the lease is this node's
  bool Step();  // true if there is more to do
  void Wait(std::chrono::milliseconds most);
  Status TakeOrRenew();

  store::Store& store_;
  const Clock& clock_;
  const LeasedLoopOptions options_;
  const LeasedWork work_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = false;
  bool stopping_ = false;

  // The thread's own.
  std::optional<store::Lease> lease_;
  std::chrono::steady_clock::time_point renewed_;

  std::thread thread_;
};

}  // namespace kedge::server
