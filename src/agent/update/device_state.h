// What the agent remembers over restarts: the deployed models, the deployment that is under way,
// and results that the server has not acknowledged yet.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/update/transitions.h"
#include "protocol/edge_api.h"

namespace kedge::agent {

constexpr size_t kDeployedModelsMax = 64;
constexpr size_t kUnreportedMax = 16;  // results waiting for the server; the oldest are dropped
constexpr size_t kFinishedMax = 1024;

// A package in the store.
struct InstalledVersion {
  std::string sha256;
  std::string model_name;
  std::string model_version;
  std::string checksum_sha1;    // of the object it came from; empty: none was given
  std::string deployment_name;  // that brought it
  friend bool operator==(const InstalledVersion&, const InstalledVersion&) = default;
};

struct DeployedModel {
  std::string handle;
  InstalledVersion current;
  std::optional<InstalledVersion> previous;  // what a rollback goes back to
  friend bool operator==(const DeployedModel&, const DeployedModel&) = default;
};

// How far one definition of the deployment under way has come.
struct Candidate {
  InstalledVersion version;  // empty sha256: not installed yet
  std::string failure;       // empty: none
  friend bool operator==(const Candidate&, const Candidate&) = default;
};

struct ActiveUpdate {
  protocol::EdgeDeployment deployment;
  EpochMs started = 0;
  UpdateState state = UpdateState::kDownloading;
  std::vector<Candidate> candidates;  // one a definition
  friend bool operator==(const ActiveUpdate&, const ActiveUpdate&) = default;
};

struct DeviceState {
  std::vector<DeployedModel> models;
  std::optional<ActiveUpdate> update;
  std::vector<protocol::DeploymentResult> unreported;  // oldest first
  std::vector<std::string> finished;  // fingerprints of listed definitions that are done
  int64_t starts = 0;                 // of the agent
  int64_t crashes = 0;                // starts that found no clean stop before them
  bool running = false;               // since the last start; false after a clean stop
  friend bool operator==(const DeviceState&, const DeviceState&) = default;

  DeployedModel* FindModel(std::string_view handle);
  // A version in the store that came from an object with this checksum, or null.
  const InstalledVersion* FindByChecksum(std::string_view checksum_sha1) const;
  // Digests of every package that must stay in the store.
  std::vector<std::string> ReferencedPackages() const;
};

std::string WriteDeviceState(const DeviceState& state);
// kInvalidArgument for anything that WriteDeviceState would not write: what stands on a disk is
// taken as hostile, even after its checksum was right.
Result<DeviceState> ParseDeviceState(std::string_view text);

// Names a definition of a deployment: the same deployment with another object or state is something
// new to do, one that lists fewer of its definitions is not.
std::string Fingerprint(const std::string& deployment_name, const protocol::Definition& definition);

}  // namespace kedge::agent
