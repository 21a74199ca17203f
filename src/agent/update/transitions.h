// The update flow as data: where a deployment stands, and what can happen to it there. Updater does
// the work of one state at a time and stores the state that follows before it goes on, so a power
// cut leaves the device in one of these rows, and after it the work of that row is done again.
//
// Until the switch the models that answer are untouched; the switch itself is one write of the
// state file. So at every row either the old or the new model is the one that is loaded after a
// restart.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

namespace kedge::agent {

enum class UpdateState {
  kIdle,
  kDownloading,  // the package is fetched into staging, going on where the last attempt stopped
  kInstalling,   // checksum and signature are checked, the package is copied into the store
  kProbing,      // the new version is started in a worker of its own and run once
  kSwitching,    // the handle goes over to the new version
  kRollingBack,  // what was prepared is dropped; the former version never stopped
};

enum class UpdateEvent {
  kOffered,  // the server lists a deployment that is not done yet
  kSucceeded,
  kFailed,       // for good: the deployment is reported as failed
  kInterrupted,  // for now: the same work is tried again later
  kWithdrawn,    // the server no longer lists the deployment
};

struct Transition {
  UpdateState from;
  UpdateEvent event;
  UpdateState to;
};

inline constexpr Transition kTransitions[] = {
    {UpdateState::kIdle, UpdateEvent::kOffered, UpdateState::kDownloading},
    {UpdateState::kDownloading, UpdateEvent::kSucceeded, UpdateState::kInstalling},
    {UpdateState::kDownloading, UpdateEvent::kInterrupted, UpdateState::kDownloading},
    {UpdateState::kDownloading, UpdateEvent::kFailed, UpdateState::kRollingBack},
    {UpdateState::kDownloading, UpdateEvent::kWithdrawn, UpdateState::kIdle},
    {UpdateState::kInstalling, UpdateEvent::kSucceeded, UpdateState::kProbing},
    {UpdateState::kInstalling, UpdateEvent::kInterrupted, UpdateState::kDownloading},
    {UpdateState::kInstalling, UpdateEvent::kFailed, UpdateState::kRollingBack},
    {UpdateState::kProbing, UpdateEvent::kSucceeded, UpdateState::kSwitching},
    {UpdateState::kProbing, UpdateEvent::kFailed, UpdateState::kRollingBack},
    {UpdateState::kSwitching, UpdateEvent::kSucceeded, UpdateState::kIdle},
    {UpdateState::kSwitching, UpdateEvent::kInterrupted, UpdateState::kProbing},
    {UpdateState::kSwitching, UpdateEvent::kFailed, UpdateState::kRollingBack},
    {UpdateState::kRollingBack, UpdateEvent::kSucceeded, UpdateState::kIdle},
};

// The state after `event`; none if the table has no such row.
constexpr std::optional<UpdateState> NextState(UpdateState from, UpdateEvent event) {
  for (const Transition& row : kTransitions)
    if (row.from == from && row.event == event) return row.to;
  return std::nullopt;
}

struct UpdateStateName {
  UpdateState state;
  std::string_view name;
};

// The names in the state file and in log lines.
inline constexpr UpdateStateName kUpdateStateNames[] = {
    {UpdateState::kIdle, "idle"},
    {UpdateState::kDownloading, "downloading"},
    {UpdateState::kInstalling, "installing"},
    {UpdateState::kProbing, "probing"},
    {UpdateState::kSwitching, "switching"},
    {UpdateState::kRollingBack, "rolling-back"},
};

constexpr std::string_view UpdateStateText(UpdateState state) {
  for (const UpdateStateName& row : kUpdateStateNames)
    if (row.state == state) return row.name;
  return "";
}

}  // namespace kedge::agent
