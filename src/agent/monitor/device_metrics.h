// What a heartbeat says about the device and the agent itself.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/clock.h"
#include "protocol/edge_api.h"

namespace kedge::agent {

// Reads /proc. One thread.
class DeviceMetrics {
 public:
  struct AgentCounts {
    int64_t starts = 0;
    int64_t crashes = 0;
  };
  // CpuUsagePercent (of all processors since the last call; from the second call on),
  // MemoryUsagePercent, AgentMemoryBytes (resident), CrashCount, StartCount. What cannot be read is
  // left out.
  std::vector<protocol::EdgeMetric> Sample(EpochMs now, const AgentCounts& counts);

 private:
  uint64_t last_busy_ = 0, last_total_ = 0;  // clock ticks
};

}  // namespace kedge::agent
