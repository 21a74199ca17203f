// The agent's folder on the disk:
//
//   state.0 state.1         what it remembers (state_file.h, device_state.h)
//   packages/<sha256>...    installed packages (package/store.h)
//   staging/<name>.part     downloads that are not complete or not verified
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "agent/update/device_state.h"
#include "agent/update/state_file.h"

namespace kedge::agent {

// One thread, but for the functions that say otherwise.
class DeviceStore {
 public:
  // Borrows the disk. Open() comes first.
  DeviceStore(FileSystem& disk, Path root);

  // Makes the folders, reads the state and counts this start in it. A state that is damaged in both
  // slots is put aside as `state.N.damaged` and the device begins with an empty one.
  // kUnimplemented: the state is of a newer agent; nothing was touched, and nothing may be done
  // here.
  Status Open();

  const DeviceState& state() const { return state_; }
  // Makes `next` the state once it is durable; on an error the state stays what it was.
  Status Commit(DeviceState next);
  // Makes `next` the state at once, durable or not, and says so in the log: for steps that may be
  // done again after a restart without harm.
  void CommitEventually(DeviceState next);
  // True if the state on the disk is behind; Commit(state()) tries again.
  bool behind() const { return behind_; }

  // Removes packages that no whole slot of the state names and, while no update is under way, all
  // of staging. Errors are only logged: what is left over is found the next time.
  void CollectGarbage();

  const Path& packages() const { return packages_; }
  // Where a definition's object is downloaded to: one name for one url and checksum.
  Path StagingPath(const protocol::Definition& definition) const;

  // -- thread-safe --
  // The result that the server has to hear of next.
  std::optional<protocol::DeploymentResult> NextUnreported() const;
  // SHA-256 of the handle's current package; kNotFound.
  Result<std::string> DeployedDigest(const std::string& handle) const;
  int64_t starts() const;
  int64_t crashes() const;

 private:
  void Publish();

  FileSystem& disk_;
  const Path root_, packages_, staging_;
  StateFile file_;
  DeviceState state_;
  bool behind_ = false;

  mutable std::mutex published_mutex_;
  DeviceState published_;  // a copy for other threads
};

}  // namespace kedge::agent
