// The rules of a deployment over a fleet, pure: states and events in, states out. The server stores
// what they say; a simulation can run them by the million.
//
//   stage   READYTODEPLOY -start-> INPROGRESS -last device reports-> DEPLOYED or FAILED
//           INPROGRESS -stop-> STOPPED; READYTODEPLOY, STOPPED and FAILED may be started (again)
//   device  READYTODEPLOY -it asks-> INPROGRESS -it reports-> DEPLOYED or FAILED
//           READYTODEPLOY, INPROGRESS -stop-> STOPPED
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kedge::fleet {

// As the API spells them; StopEdgeDeploymentStage passes through STOPPING in no time with us.
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

// Which devices of the fleet belong to a stage.
struct Selection {
  enum class Kind { kPercentage, kSelection, kNameContains };
  Kind kind = Kind::kSelection;
  int64_t percentage = 0;          // 0..100
  std::vector<std::string> names;  // kSelection
  std::string contains;            // kNameContains
};

// A device of a stage and why it is there, for the record.
struct Chosen {
  std::string device;
  std::string reason;
};

// The devices of a stage out of the fleet's (sorted, unique). PERCENTAGE takes ceil(p * n / 100)
// devices, ranked by SHA-256(chance, name): `chance` is drawn once per plan, so the choice is
// random, can be explained afterwards, and a stage of 50 % contains the stage of 10 %.
// kInvalidArgument names a device of kSelection that is not in the fleet.
Result<std::vector<Chosen>> SelectDevices(const Selection& selection,
                                          std::span<const std::string> devices,
                                          std::string_view chance);

// Devices of a stage by state.
struct Counts {
  int64_t pending = 0;  // have not picked the deployment up, or are at it
  int64_t deployed = 0;
  int64_t failed = 0;
  friend bool operator==(const Counts&, const Counts&) = default;
};
// The counts after one device went from one state to another.
Counts Moved(Counts counts, DeviceStatus from, DeviceStatus to);

// What an event does to a device's state; nothing: it stays, so events may come any number of
// times.
std::optional<DeviceStatus> AfterPickup(DeviceStatus status);
// The first result counts. A device that reports after its stage was stopped has what it has.
std::optional<DeviceStatus> AfterResult(DeviceStatus status, bool succeeded);
std::optional<DeviceStatus> AfterStop(DeviceStatus status);

// The state of a started stage with these counts: INPROGRESS while a device is pending, then
// DEPLOYED or, if one failed, FAILED. A stopped stage stays stopped.
StageStatus StageAfter(StageStatus status, const Counts& counts);
bool MayStart(StageStatus status);
bool MayStop(StageStatus status);
// One sentence with the counts, for EdgeDeploymentStatusMessage.
std::string StageMessage(StageStatus status, const Counts& counts);

// A deployment that was started for a device.
struct Assigned {
  DeviceStatus status = DeviceStatus::kReadyToDeploy;
  bool rolls_back = true;            // ROLLBACK_ON_FAILURE
  std::vector<std::string> handles;  // of its definitions
};
// The handles of each deployment that the device should have; `newest_first` by start.
//   - the newest deployment of a handle wins
//   - one that failed and rolled back makes way for the one before it
//   - one that failed and does nothing hides the older ones: the device is left as it is
//   - one that was stopped before the device reported does not count
std::vector<std::vector<std::string>> DesiredHandles(std::span<const Assigned> newest_first);

}  // namespace kedge::fleet
