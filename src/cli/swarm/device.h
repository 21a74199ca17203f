// One simulated device: who it is, what it sent and what was acknowledged.
//
// A heartbeat keeps its number until it is acknowledged, and is sent again with the same content if
// it is not. So the server must hold, for every device, the boot and a number that is not below the
// last acknowledged one: that no acknowledged heartbeat was lost, without trusting the server's own
// counting.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "http/sigv4.h"

namespace kedge::cli {

struct SimulatedDevice {
  std::string name;
  http::Credentials credentials;  // none of those with a certificate
  std::string certificate_pem;    // with certificates
  std::string key_pem;
  int64_t clock_skew_ms = 0;
  int64_t boot = 1;
  int64_t sequence = 1;           // of the heartbeat under way or next
  int64_t acknowledged_boot = 0;  // 0: none yet
  int64_t acknowledged_sequence = 0;
  std::vector<std::string> deployments;  // known; the last ones
  std::string to_report;                 // a deployment whose result goes with the next heartbeat
  bool failed = false;                   // that deployment
  bool waiting = false;                  // queued or under way
};

// "b7"
inline std::string BootName(int64_t boot) { return "b" + std::to_string(boot); }

// The text of a signed POST. `statistics`: base64 characters.
std::string HeartbeatRequest(const SimulatedDevice& device, const std::string& url,
                             const std::string& fleet, const std::string& region, EpochMs now,
                             int64_t period_ms, const std::string& statistics,
                             http::SigningKeyCache& signing_keys);
std::string PollRequest(const SimulatedDevice& device, const std::string& url,
                        const std::string& fleet, const std::string& region, EpochMs now,
                        http::SigningKeyCache& signing_keys);

}  // namespace kedge::cli
