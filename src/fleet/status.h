// The states of stages and devices of a deployment, and what an event does to a device.
//
//   device  READYTODEPLOY -it asks-> INPROGRESS -it reports-> DEPLOYED -it goes back later-> FAILED
//           READYTODEPLOY, INPROGRESS -it reports-> FAILED
//           READYTODEPLOY, INPROGRESS -stop, or a newer deployment-> STOPPED
//
// A device's reports may come twice and in any order. What it reported is therefore a ladder:
// pending, DEPLOYED, FAILED; a report only moves a device up, so all orders end alike.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kedge::fleet {

// As the API spells them.
enum class StageStatus {
  kCreating,
  kReadyToDeploy,
  kStarting,
  kInProgress,
  kDeployed,
  kFailed,
  kStopping,
  kStopped
};
enum class DeviceStatus { kReadyToDeploy, kInProgress, kDeployed, kFailed, kStopping, kStopped };

std::string_view Name(StageStatus status);
std::string_view Name(DeviceStatus status);
// kInvalidArgument for another text.
Result<StageStatus> ParseStageStatus(std::string_view text);
Result<DeviceStatus> ParseDeviceStatus(std::string_view text);

// Devices of a stage by state.
struct Counts {
  int64_t pending = 0;  // have not picked the deployment up, or are at it
  int64_t deployed = 0;
  int64_t failed = 0;
  friend bool operator==(const Counts&, const Counts&) = default;
};
// What one device more in this state adds.
Counts CountOf(DeviceStatus status);
Counts operator+(const Counts& a, const Counts& b);
Counts operator-(const Counts& a, const Counts& b);

// What an event does to a device's state; nothing: it stays, so events may come any number of
// times.
std::optional<DeviceStatus> AfterPickup(DeviceStatus status);
// A device that reports after its stage was stopped has what it has.
std::optional<DeviceStatus> AfterResult(DeviceStatus status, bool succeeded);
std::optional<DeviceStatus> AfterStop(DeviceStatus status);

}  // namespace kedge::fleet
