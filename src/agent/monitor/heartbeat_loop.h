// The thread that tells the server how the device is.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <thread>

#include "agent/capture/capture_queue.h"
#include "agent/capture/uploader.h"
#include "agent/link/backoff.h"
#include "agent/link/doorbell.h"
#include "agent/link/registration.h"
#include "agent/models/registry.h"
#include "agent/monitor/device_metrics.h"
#include "agent/monitor/watcher.h"
#include "agent/update/updater.h"

namespace kedge::agent {

class HeartbeatLoop {
 public:
  // Borrows all of them. Store and updater are null on a device without a folder for deployments.
  struct Parts {
    const kedge::Clock& clock;
    EdgeClient& client;
    Registration& registration;
    Registry& registry;
    CaptureQueue& captures;
    Watcher& watcher;
    const Uploader* uploader;  // null: nothing is captured
    DeviceStore* store;
    Updater* updater;
    Doorbell& bell;  // rung to send at once
    std::chrono::seconds period;
  };
  explicit HeartbeatLoop(Parts parts);
  ~HeartbeatLoop();
  HeartbeatLoop(const HeartbeatLoop&) = delete;
  HeartbeatLoop& operator=(const HeartbeatLoop&) = delete;

  // The next heartbeat. One thread at a time.
  protocol::Heartbeat Make();

 private:
  void Run();
  // Sends one and gives the time to the next; nothing if it has to be tried again soon.
  std::optional<std::chrono::milliseconds> Send();

  Parts parts_;
  DeviceMetrics metrics_;
  const std::string boot_;  // new with each start of the agent
  int64_t sequence_ = 0;    // of the last heartbeat
  Backoff backoff_;
  std::thread thread_;
};

// The models of a heartbeat: name and version as packaged, times of the latest run and capture,
// counts. A model whose name the API does not take (fewer than 4 characters) is left out.
std::vector<protocol::ModelReport> ReportModels(const Registry& registry,
                                                const CaptureQueue& captures,
                                                const Watcher& watcher);

}  // namespace kedge::agent
