// The swarm's devices on the server: made before, looked at afterwards.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/api_client.h"
#include "cli/swarm/device.h"
#include "cli/swarm/options.h"

namespace kedge::cli {

// Makes the fleet if there is none, and gives every device an access key of its own.
Result<std::vector<SimulatedDevice>> EnrolSwarm(const ApiClient& client,
                                                const SwarmOptions& options);

struct SwarmCheck {
  int64_t devices = 0;            // that the server knows
  int64_t lost = 0;               // devices whose last acknowledged heartbeat the server lacks
  int64_t acknowledged_lost = 0;  // heartbeats, as far as they can be told
  std::string first_lost;
};
// Compares what the server holds with what was acknowledged.
Result<SwarmCheck> CheckSwarm(const ApiClient& client, const SwarmOptions& options,
                              const std::vector<SimulatedDevice>& devices);

}  // namespace kedge::cli
