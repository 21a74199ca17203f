// SPDX-License-Identifier: Apache-2.0
#include "agent/models/restart_policy.h"

#include <algorithm>

namespace kedge::agent {

RestartPolicy::Decision RestartPolicy::OnEnd(WorkerEnd end, Time started, Time now) {
  while (!strikes_.empty() && now - strikes_.front() > kStrikeWindow) strikes_.pop_front();
  if (end != WorkerEnd::kKilledOutside && end != WorkerEnd::kNoResources) strikes_.push_back(now);
  if (strikes() >= kStrikesMax) return {.condemned = true};

  if (now - started >= kSteadyAfter) next_wait_ = std::chrono::milliseconds(0);
  const bool killed = end == WorkerEnd::kKilledOutside;
  const Decision decision{.wait = killed ? std::min(kKilledWaitMax, next_wait_) : next_wait_};
  next_wait_ = std::min(kRestartWaitMax, std::max(kRestartWaitFirst, next_wait_ * 2));
  return decision;
}

}  // namespace kedge::agent
