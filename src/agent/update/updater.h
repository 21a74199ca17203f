// Carries out deployments: the work behind each state of transitions.h, the start of deployed
// models, and the way back from a version that turns out bad.
//
// A deployment is done as a whole: every package is downloaded, installed and probed beside what
// runs, then one write of the state file makes all of them current, then the handles go over. With
// ROLLBACK_ON_FAILURE one failure drops the whole deployment; with DO_NOTHING the models that work
// are switched and the others stay as they were.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <mutex>

#include "agent/link/doorbell.h"
#include "agent/link/edge_client.h"
#include "agent/models/registry.h"
#include "agent/update/device_store.h"

namespace kedge::agent {

// One thread (the update loop's), but for what says otherwise. The state lives in `store`.
class Updater {
 public:
  // Borrows all of them. `bell` is rung when Step() has something to do.
  struct Parts {
    FileSystem& disk;
    const Clock& clock;
    Registry& registry;
    const trust::TrustedRoots& roots;
    DeviceStore& store;
    Doorbell& bell;
  };
  // Must outlive the models that it started: those of the registry too.
  explicit Updater(Parts parts) : parts_(parts) {}

  // Loads the deployed models into the registry, all at one time. One that does not start is
  // replaced by its previous version, and reported.
  void StartDeployed();

  // What the server lists now: begins the first deployment that is not done yet, if none is under
  // way, and gives up a download that is no longer wanted.
  void Offer(const std::vector<protocol::EdgeDeployment>& listed);

  enum class Next {
    kNow,    // there is more to do
    kLater,  // try again after a wait
    kIdle,
  };
  // Does the work of one state. `client` may be null: without a server nothing is downloaded.
  Next Step(EdgeClient* client, const std::atomic<bool>* cancelled);

  // A clean stop, so that the next start is not counted as one after a crash.
  void MarkStopped();

  // -- thread-safe --
  // Starts the current version of a handle whose model was unloaded, watched like at the agent's
  // start. kNotFound, kFailedPrecondition, kResourceExhausted.
  Result<std::shared_ptr<ServedModel>> StartCurrent(const std::string& handle);
  // The server has heard of this result.
  void Acknowledge(const protocol::DeploymentResult& result);

 private:
  struct Condemned {
    std::string handle;
    std::string sha256;
    std::string why;
  };

  UpdateEvent Download(EdgeClient* client, const std::atomic<bool>* cancelled);
  UpdateEvent Install();
  UpdateEvent Probe();
  UpdateEvent Switch();
  UpdateEvent RollBack();
  // Runs `work` for each definition that is to be deployed and has not failed; applies the policy.
  UpdateEvent ForEachDefinition(
      const std::function<Status(const protocol::Definition&, Candidate&)>& work);
  Status DownloadOne(EdgeClient& client, const protocol::Definition& definition,
                     Candidate& candidate, const std::atomic<bool>* cancelled);
  Status InstallOne(const protocol::Definition& definition, Candidate& candidate);
  Status ProbeOne(const protocol::Definition& definition, Candidate& candidate);
  Result<std::shared_ptr<ServedModel>> StartInstalled(const std::string& handle,
                                                      const std::string& sha256);
  // True if the handle is served by this package already.
  bool IsServed(const std::string& handle, const std::string& sha256) const;
  void RestorePrevious(const std::string& handle, const std::string& why);
  void HandleEvents();

  Parts parts_;
  bool fetched_again_ = false;  // a download whose checksum differed was thrown away once

  std::mutex events_mutex_;
  std::vector<Condemned> condemned_;
  std::vector<protocol::DeploymentResult> acknowledged_;

  // New versions that were probed and wait for the switch, by handle. Lost by a restart; then they
  // are probed again. Last: until they have ended they may report to the members above.
  std::map<std::string, std::shared_ptr<ServedModel>> probed_;
};

}  // namespace kedge::agent
