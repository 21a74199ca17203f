// What `kedge swarm` is told, and what it tells.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/json/json.h"

namespace kedge::cli {

struct SwarmOptions {
  std::string fleet = "swarm";
  std::vector<std::string> names;  // of the devices; made up if empty
  int64_t devices = 1'000;
  int64_t connections = 100;
  double rate = 0;  // heartbeats a second of the whole swarm; 0: as many as the server takes
  int64_t duration_seconds = 30;
  int64_t warm_up_seconds = 0;  // before it, not measured
  int64_t statistics_bytes = 200;
  double polls = 0;       // GetDeployments, for each heartbeat
  double failures = 0;    // share of deployments that fail on their device
  double restarts = 0;    // share of heartbeats before which the device starts anew
  double reconnects = 0;  // connections dropped a second
  double skewed = 0;      // share of devices whose clock is 20 minutes wrong: to be refused
  int64_t seed = 1;
  bool polls_only = false;             // GetDeployments instead of heartbeats
  bool certificates = false;           // mutual TLS: a connection is one device
  bool own_period = false;             // devices keep theirs, whatever the server says
  std::string trusted_file;            // PEM, for https
  std::vector<std::string> endpoints;  // nodes; connections are dealt out to them in turn
  std::vector<std::string> measured;   // NAME=PID: CPU time of it and its children
  std::string json_file;
};

// Latencies in buckets of 1/16 of a power of two: 6 % wide. In microseconds.
class Latencies {
 public:
  void Add(int64_t microseconds);
  // The upper bound of the bucket in which that share of all lies; 0 if there are none.
  int64_t Quantile(double share) const;
  int64_t count() const { return count_; }
  int64_t largest() const { return largest_; }

 private:
  std::array<int64_t, 1024> buckets_ = {};
  int64_t count_ = 0;
  int64_t largest_ = 0;
};

struct SwarmCounts {
  int64_t heartbeats_acknowledged = 0;
  int64_t polls_answered = 0;
  int64_t results_acknowledged = 0;  // of deployments
  int64_t refused_busy = 0;          // 429, 503
  int64_t refused_clock = 0;         // 403 for a clock that was set wrong
  int64_t unexpected = 0;            // any other status
  int64_t no_answer = 0;
  int64_t restarts = 0;
  int64_t reconnects = 0;
  std::string first_unexpected;  // status and body
};

}  // namespace kedge::cli
