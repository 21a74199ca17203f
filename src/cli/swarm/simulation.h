// The swarm itself: devices on a schedule over shared connections.
//
// How N devices speak over C < N connections: each request is signed with its own device's key
// (SigV4), as through a gateway that keeps connections open; the connection itself proves nothing.
// (With a certificate, mTLS, a connection is one device.)
//
// With a rate, a device is due at its time whether or not the server keeps up, and a latency counts
// from that time; the server's NextContactMs replaces the device's own period. Without one, each
// connection sends as soon as it has an answer.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <queue>
#include <random>

#include "cli/swarm/device.h"
#include "cli/swarm/options.h"
#include "http/load_client.h"

namespace kedge::cli {

// One thread.
class Simulation {
 public:
  // Borrows both; a client for each endpoint of the options.
  Simulation(const SwarmOptions& options, const std::string& region,
             std::vector<SimulatedDevice>& devices,
             std::vector<std::unique_ptr<http::LoadClient>> clients);

  // Until the duration is over and every request under way is answered. `warm`: called once, when
  // the warm-up is over and the measured time begins.
  void Run(const std::function<void()>& warm);

  const SwarmCounts& counts() const { return counts_; }  // the warm-up included
  // Of the measured time.
  const Latencies& latencies() const { return latencies_; }
  int64_t requests() const { return latencies_.count(); }  // answered with success
  double seconds() const { return seconds_; }
  http::LoadCounts connection_counts() const;

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Due {
    Time time;
    size_t device;
    bool operator>(const Due& other) const { return time > other.time; }
  };
  struct Line {  // a connection
    std::queue<Due> queue;
    size_t next_device = 0;  // without a rate
    bool answered = false;   // once at least
  };

  void Begin();
  bool IsWarm(Time now) const;
  void QueueDue(Time now);
  void SendNext(size_t line);
  void Send(size_t line, Due due, bool poll);
  void Answered(size_t line, Due due, bool poll, const http::LoadAnswer& answer);
  void AcknowledgeHeartbeat(SimulatedDevice& device);
  void ReadDeployments(SimulatedDevice& device, std::string_view body);
  void CountFailure(SimulatedDevice& device, const http::LoadAnswer& answer);
  void ScheduleNext(Due due, bool poll, const http::LoadAnswer& answer);
  void Schedule(size_t device, Time time);
  void DropConnections(Time now);
  bool Draw(double share) { return std::uniform_real_distribution<>(0, 1)(random_) < share; }
  std::chrono::microseconds DrawUpTo(std::chrono::microseconds most);
  http::LoadClient& ClientOf(size_t line) { return *clients_[line % clients_.size()]; }
  size_t PlaceOf(size_t line) const { return line / clients_.size(); }

  const SwarmOptions& options_;
  const std::string region_;
  std::vector<SimulatedDevice>& devices_;
  std::vector<std::unique_ptr<http::LoadClient>> clients_;
  const SystemClock clock_;
  const std::chrono::microseconds period_;  // of a device, by itself
  std::vector<Line> lines_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> schedule_;
  std::mt19937_64 random_;
  std::string statistics_;
  http::SigningKeyCache signing_keys_;
  Time measured_from_;
  Time end_;
  Time next_drop_;
  size_t under_way_ = 0;
  size_t lines_answered_ = 0;
  bool ending_ = false;
  double seconds_ = 0;
  SwarmCounts counts_;
  Latencies latencies_;
};

}  // namespace kedge::cli
