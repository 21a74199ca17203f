// Commands that an operator sends to the device: carried out at once, each once.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>

#include "agent/link/doorbell.h"
#include "agent/models/registry.h"
#include "protocol/edge_api.h"

namespace kedge::agent {

constexpr size_t kReportsKeptMax = 64;

// One thread.
class CommandRunner {
 public:
  // Borrows both.
  CommandRunner(Registry& registry, Doorbell& heartbeat_bell)
      : registry_(registry), heartbeat_bell_(heartbeat_bell) {}

  // The report of the command. One that was carried out already (among the last kReportsKeptMax) is
  // not carried out again: the server did not get the report, so it is given once more.
  protocol::CommandReport Run(const protocol::DeviceCommand& command);

 private:
  // Its output.
  Result<std::string> Execute(const protocol::DeviceCommand& command);

  Registry& registry_;
  Doorbell& heartbeat_bell_;
  std::deque<protocol::CommandReport> reports_;
};

}  // namespace kedge::agent
