// Whether and when a worker that ended is started again.
//
// A model that crashes or hangs by itself gets a strike; three strikes in ten minutes condemn the
// version, so that a broken model never becomes an endless loop of restarts. A worker that was
// killed from outside (an operator, the kernel's out-of-memory killer) is not the model's fault and
// gets no strike. Between restarts the wait grows: nothing after the first end, then 50 ms, 100 ms
// and so on up to 5 s, as long as workers live shorter than kSteadyAfter.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <deque>

namespace kedge::agent {

constexpr int kStrikesMax = 3;
constexpr std::chrono::minutes kStrikeWindow{10};
constexpr std::chrono::seconds kSteadyAfter{1};
constexpr std::chrono::milliseconds kRestartWaitFirst{50};
constexpr std::chrono::milliseconds kRestartWaitMax{5'000};
constexpr std::chrono::milliseconds kKilledWaitMax{500};

enum class WorkerEnd {
  kCrashed,        // by a signal of its own or an exit
  kAtFault,        // we killed it: a run passed its deadline, or it broke the protocol of the ring
  kKilledOutside,  // SIGKILL that we did not send
  kStartFailed,    // a restart did not come up because of the model
  kNoResources,    // a restart did not come up because of the machine
};

// Not thread-safe.
class RestartPolicy {
 public:
  using Time = std::chrono::steady_clock::time_point;

  struct Decision {
    bool condemned = false;
    std::chrono::milliseconds wait{0};  // before the next start
  };
  // A worker that was started at `started` ended at `now`.
  Decision OnEnd(WorkerEnd end, Time started, Time now);
  int strikes() const { return static_cast<int>(strikes_.size()); }

 private:
  std::deque<Time> strikes_;  // inside the window, oldest first
  std::chrono::milliseconds next_wait_{0};
};

}  // namespace kedge::agent
