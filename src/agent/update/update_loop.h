// The thread that asks for deployments and carries them out.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <thread>

#include "agent/link/backoff.h"
#include "agent/link/doorbell.h"
#include "agent/link/registration.h"
#include "agent/update/commands.h"
#include "agent/update/updater.h"

namespace kedge::agent {

class UpdateLoop {
 public:
  // Borrows all of them. Client and registration are null without a server. `bell` wakes this loop,
  // `heartbeat_bell` is rung when there is a result to report.
  struct Parts {
    Updater& updater;
    DeviceStore& store;
    EdgeClient* client;
    Registration* registration;
    Registry& registry;
    Doorbell& bell;
    Doorbell& heartbeat_bell;
    std::chrono::seconds poll_period;
    // Given what the server asks to be captured, with each of its answers.
    std::function<void(std::vector<protocol::CapturePolicy>)> on_capture_policies;
  };
  explicit UpdateLoop(Parts parts);
  ~UpdateLoop();  // breaks off a download; it goes on after the next start
  UpdateLoop(const UpdateLoop&) = delete;
  UpdateLoop& operator=(const UpdateLoop&) = delete;

 private:
  void Run();
  // Asks the server; gives when to ask again.
  std::chrono::milliseconds Poll();

  // Carries out what is new of them and reports each, once more if the report was lost.
  void Obey(const std::vector<protocol::DeviceCommand>& commands);

  Parts parts_;
  CommandRunner commands_;
  Backoff poll_backoff_, step_backoff_;
  std::atomic<bool> cancelled_{false};
  std::thread thread_;
};

}  // namespace kedge::agent
