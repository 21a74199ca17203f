// Simulated devices for tests of drift: real monitors over Gaussian columns, whose reports travel
// in real heartbeats to a test server.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <random>
#include <string>
#include <vector>

#include "server/drift/drift_loop.h"
#include "server/testing/test_server.h"
#include "stats/monitor.h"

namespace kedge::server {

struct MonitoredFleet {
  std::string fleet = "lab";
  std::string model = "detector";
  std::string version = "1";
  size_t features = 4;
  uint64_t rows = 100'000;  // of the baseline
  int devices = 10;
  double tolerance = 0.05;
  uint64_t seed = 7;
};

// One thread.
class FleetOfMonitors {
 public:
  // Makes fleet and devices ("d000" ...), and lets the server know the baseline.
  FleetOfMonitors(TestServer& server, MonitoredFleet options);

  // The value of a feature of a device: a standard normal draw in, the value out.
  using Change = std::function<double(int device, size_t feature, double draw)>;
  // Each device takes `samples` inferences and sends one heartbeat; the clock is not touched.
  // `send_to`: how often each heartbeat is sent.
  void Beat(int samples, const Change& change = {}, int times = 1);
  // Merges and judges what there is.
  void Judge();

  DriftWork& work() { return work_; }
  const std::string& baseline_id() const { return id_; }
  std::string Name(int device) const;
  // {"DeviceFleetName", "ModelName", "ModelVersion"} and more members.
  std::string Request(const std::string& more = "") const;
  // The text of a heartbeat with what the device's monitor has counted.
  std::string Heartbeat(int device);

 private:
  struct Device {
    stats::ModelMonitor monitor;
    uint64_t sequence = 0;
    int64_t heartbeat = 0;
  };

  TestServer& server_;
  const MonitoredFleet options_;
  std::string id_;
  std::vector<Device> devices_;
  std::mt19937_64 random_;
  DriftWork work_;
  store::Lease lease_;
};

}  // namespace kedge::server
