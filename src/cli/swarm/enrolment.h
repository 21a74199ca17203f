// The swarm's devices on the server: made before, looked at afterwards.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/api_client.h"
#include "cli/swarm/device.h"
#include "cli/swarm/options.h"

namespace kedge::cli {

struct EnrolledSwarm {
  std::vector<SimulatedDevice> devices;
  std::string device_endpoint;  // with certificates: where devices speak, and
  std::string authority_pem;    // who signed the server's certificate
};
// Makes the fleet if there is none, and gives every device an access key of its own; with
// certificates a private key and a certificate, by a claim token that is good for new devices only.
Result<EnrolledSwarm> EnrolSwarm(const ApiClient& client, const SwarmOptions& options);

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
