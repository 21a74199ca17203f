// SPDX-License-Identifier: Apache-2.0
#include "agent/update/updater.h"

#include <algorithm>
#include <fcntl.h>
#include <set>
#include <thread>

#include "agent/update/fetch.h"
#include "agent/update/outcome.h"
#include "base/log.h"
#include "package/store.h"

namespace kedge::agent {

using protocol::Definition;
using protocol::DeploymentModel;
using protocol::DeploymentResult;
using protocol::ModelState;

void Updater::Offer(const std::vector<protocol::EdgeDeployment>& listed) {
  DeviceState next = parts_.store.state();
  std::set<std::string> listed_fingerprints;
  for (const protocol::EdgeDeployment& deployment : listed)
    for (const std::string& fingerprint : Fingerprints(deployment))
      listed_fingerprints.insert(fingerprint);
  // What the server no longer lists may come again as something new.
  bool changed = std::erase_if(next.finished, [&](const std::string& done) {
                   return !listed_fingerprints.contains(done);
                 }) > 0;
  if (next.update.has_value() && NextState(next.update->state, UpdateEvent::kWithdrawn)) {
    const auto wanted = Fingerprints(next.update->deployment);
    const bool is_listed = std::any_of(wanted.begin(), wanted.end(), [&](const std::string& w) {
      return listed_fingerprints.contains(w);
    });
    if (!is_listed) {
      LogInfo("deployment is withdrawn", {{"deployment", next.update->deployment.deployment_name}});
      next.update.reset();
      changed = true;
    }
  }
  const protocol::EdgeDeployment* first = FirstUnfinished(listed, next.finished);
  if (!next.update.has_value() && first != nullptr) {
    LogInfo("deployment begins", {{"deployment", first->deployment_name}});
    next.update = ActiveUpdate{.deployment = *first,
                               .started = parts_.clock.NowMs(),
                               .state = *NextState(UpdateState::kIdle, UpdateEvent::kOffered),
                               .candidates = std::vector<Candidate>(first->definitions.size())};
    fetched_again_ = false;
    changed = true;
  }
  if (changed) parts_.store.CommitEventually(std::move(next));
}

Updater::Next Updater::Step(EdgeClient* client, const std::atomic<bool>* cancelled) {
  HandleEvents();
  DeviceStore& store = parts_.store;
  if (!store.state().update.has_value()) {
    if (!store.behind()) return Next::kIdle;
    return store.Commit(store.state()) ? Next::kNow : Next::kLater;
  }
  const UpdateState state = store.state().update->state;
  UpdateEvent event = UpdateEvent::kFailed;
  switch (state) {
    case UpdateState::kDownloading:
      event = Download(client, cancelled);
      break;
    case UpdateState::kInstalling:
      event = Install();
      break;
    case UpdateState::kProbing:
      event = Probe();
      break;
    case UpdateState::kSwitching:
      event = Switch();
      break;
    case UpdateState::kRollingBack:
    case UpdateState::kIdle:
      event = RollBack();
      break;
  }
  const std::optional<UpdateState> to = NextState(state, event);
  KEDGE_CHECK(to.has_value());
  if (*to != UpdateState::kIdle && *to != state) {
    DeviceState next = store.state();
    next.update->state = *to;
    store.CommitEventually(std::move(next));
  }
  if (*to == UpdateState::kIdle) store.CollectGarbage();
  return event == UpdateEvent::kInterrupted ? Next::kLater : Next::kNow;
}

UpdateEvent Updater::ForEachDefinition(
    const std::function<Status(const Definition&, Candidate&)>& work) {
  DeviceState next = parts_.store.state();
  ActiveUpdate& update = *next.update;
  UpdateEvent event = UpdateEvent::kSucceeded;
  size_t failures = 0;
  for (size_t i = 0; i < update.candidates.size(); ++i) {
    const Definition& definition = update.deployment.definitions[i];
    Candidate& candidate = update.candidates[i];
    if (definition.state == ModelState::kDeploy && candidate.failure.empty()) {
      const Status status = work(definition, candidate);
      if (!status && IsTransient(status.error())) {
        LogWarning("deployment is interrupted", {{"deployment", update.deployment.deployment_name},
                                                 {"why", status.error().message}});
        return UpdateEvent::kInterrupted;
      }
      if (!status) candidate.failure = status.error().message;
    }
    if (candidate.failure.empty()) continue;
    ++failures;
    if (update.deployment.failure_policy == protocol::FailurePolicy::kRollback) {
      event = UpdateEvent::kFailed;
      break;
    }
  }
  if (failures > 0 && failures == update.candidates.size()) event = UpdateEvent::kFailed;
  if (next != parts_.store.state()) parts_.store.CommitEventually(std::move(next));
  return event;
}

UpdateEvent Updater::Download(EdgeClient* client, const std::atomic<bool>* cancelled) {
  if (client == nullptr) return UpdateEvent::kInterrupted;
  return ForEachDefinition([&](const Definition& definition, Candidate& candidate) {
    return DownloadOne(*client, definition, candidate, cancelled);
  });
}

Status Updater::DownloadOne(EdgeClient& client, const Definition& definition, Candidate& candidate,
                            const std::atomic<bool>* cancelled) {
  // What is in the store, and whole, is not fetched again.
  const InstalledVersion* known = parts_.store.state().FindByChecksum(definition.checksum_sha1);
  if (known != nullptr &&
      package::OpenInstalled(parts_.store.packages(), known->sha256, parts_.roots)) {
    candidate.version = *known;
    candidate.version.deployment_name = parts_.store.state().update->deployment.deployment_name;
    return {};
  }
  KEDGE_TRY(const ObjectName object, ParseS3Url(definition.s3_url));
  return FetchObject(client, parts_.disk, object, parts_.store.StagingPath(definition), cancelled);
}

UpdateEvent Updater::Install() {
  return ForEachDefinition([this](const Definition& definition, Candidate& candidate) {
    return InstallOne(definition, candidate);
  });
}

Status Updater::InstallOne(const Definition& definition, Candidate& candidate) {
  if (!candidate.version.sha256.empty()) return {};  // was in the store before
  const Path staged = parts_.store.StagingPath(definition);
  auto sum = Sha1OfFile(staged);
  if (!sum && sum.error().code == Code::kNotFound)
    return Aborted("the download is gone and is fetched again");
  if (!sum) return sum.error();
  if (!definition.checksum_sha1.empty() && *sum != definition.checksum_sha1) {
    KEDGE_TRY_STATUS(parts_.disk.Remove(staged));
    // Parts of two versions of the object may have met in one file: once more from the beginning.
    const std::string text =
        "the download has SHA-1 " + *sum + ", the deployment says " + definition.checksum_sha1;
    if (!std::exchange(fetched_again_, true)) return Aborted(text);
    return DataLoss(text);
  }
  KEDGE_TRY(const FileDescriptor file, OpenFile(staged, O_RDONLY | O_NOFOLLOW));
  KEDGE_TRY(const Path installed, package::InstallPackage(parts_.disk, file.get(), parts_.roots,
                                                          parts_.store.packages()));
  KEDGE_TRY(const package::VerifiedPackage package,
            package::OpenPackageAt(installed, parts_.roots));
  candidate.version = {package.sha256(), package.manifest().model_name,
                       package.manifest().model_version, *sum,
                       parts_.store.state().update->deployment.deployment_name};
  return {};
}

UpdateEvent Updater::Probe() {
  probed_.clear();
  return ForEachDefinition([this](const Definition& definition, Candidate& candidate) {
    // No error of a probe is the network's: all of them are the version's own.
    Status status = ProbeOne(definition, candidate);
    if (!status && IsTransient(status.error()))
      return Status(FailedPrecondition(status.error().message));
    return status;
  });
}

bool Updater::IsServed(const std::string& handle, const std::string& sha256) const {
  const auto model = parts_.registry.Find(handle);
  return model && (*model)->identity().package_sha256 == sha256 && !(*model)->condemned();
}

Status Updater::ProbeOne(const Definition& definition, Candidate& candidate) {
  if (IsServed(definition.model_handle, candidate.version.sha256)) return {};
  KEDGE_TRY(std::shared_ptr<ServedModel> model,
            StartInstalled(definition.model_handle, candidate.version.sha256));
  if (Status status = model->Probe(); !status) return Wrap(status.error(), "probe");
  probed_[definition.model_handle] = std::move(model);
  return {};
}

UpdateEvent Updater::Switch() {
  DeviceState next = parts_.store.state();
  ActiveUpdate& update = *next.update;
  std::vector<std::string> undeployed;
  for (size_t i = 0; i < update.candidates.size(); ++i) {
    const Definition& definition = update.deployment.definitions[i];
    Candidate& candidate = update.candidates[i];
    if (!candidate.failure.empty()) continue;
    DeployedModel* deployed = next.FindModel(definition.model_handle);
    if (definition.state == ModelState::kUndeploy) {
      std::erase_if(next.models,
                    [&](const DeployedModel& m) { return m.handle == definition.model_handle; });
      undeployed.push_back(definition.model_handle);
    } else if (!probed_.contains(definition.model_handle) &&
               !IsServed(definition.model_handle, candidate.version.sha256)) {
      return UpdateEvent::kInterrupted;  // the probe was before a restart: its worker is gone
    } else if (deployed == nullptr) {
      next.models.push_back({definition.model_handle, candidate.version, std::nullopt});
    } else {
      if (deployed->current.sha256 != candidate.version.sha256)
        deployed->previous = deployed->current;
      deployed->current = candidate.version;
    }
  }
  const std::string name = update.deployment.deployment_name;
  const bool all = FirstFailure(update).empty();
  EndUpdate(next, ResultOf(update, all ? protocol::kDeploymentSucceeded : kPartlyFailed,
                           parts_.clock.NowMs()));
  // This one write is the switch. Before it the old versions are current, after it the new ones.
  if (Status status = parts_.store.Commit(std::move(next)); !status) {
    DeviceState failed = parts_.store.state();
    for (Candidate& candidate : failed.update->candidates)
      if (candidate.failure.empty()) candidate.failure = status.error().message;
    parts_.store.CommitEventually(std::move(failed));
    return UpdateEvent::kFailed;
  }
  for (auto& [handle, model] : std::exchange(probed_, {}))
    if (Status status = parts_.registry.Put(std::move(model)); !status)
      LogError("a deployed model is not served",
               {{"handle", handle}, {"why", status.error().message}});
  for (const std::string& handle : undeployed)
    if (Status status = parts_.registry.Unload(handle); !status)
      LogInfo("an undeployed model was not loaded", {{"handle", handle}});
  LogInfo("deployment is done", {{"deployment", name}});
  return UpdateEvent::kSucceeded;
}

UpdateEvent Updater::RollBack() {
  probed_.clear();
  DeviceState next = parts_.store.state();
  LogError("deployment failed", {{"deployment", next.update->deployment.deployment_name},
                                 {"why", FirstFailure(*next.update)}});
  EndUpdate(next, ResultOf(*next.update, protocol::kDeploymentFailed, parts_.clock.NowMs()));
  parts_.store.CommitEventually(std::move(next));
  return UpdateEvent::kSucceeded;
}

Result<std::shared_ptr<ServedModel>> Updater::StartInstalled(const std::string& handle,
                                                             const std::string& sha256) {
  KEDGE_TRY(const package::VerifiedPackage package,
            package::OpenInstalled(parts_.store.packages(), sha256, parts_.roots));
  KEDGE_TRY(ModelSource source, TakeModel(package));
  const Path path = package::InstalledPath(parts_.store.packages(), sha256);
  return parts_.registry.StartDetached(handle, path.string(), std::move(source),
                                       [this, handle, sha256](const std::string& why) {
                                         {
                                           std::lock_guard lock(events_mutex_);
                                           condemned_.push_back({handle, sha256, why});
                                         }
                                         parts_.bell.Ring();
                                       });
}

Result<std::shared_ptr<ServedModel>> Updater::StartCurrent(const std::string& handle) {
  KEDGE_TRY(const std::string sha256, parts_.store.DeployedDigest(handle));
  auto model = StartInstalled(handle, sha256);
  if (model || model.error().code == Code::kNotFound ||
      model.error().code == Code::kResourceExhausted)
    return model;
  return FailedPrecondition(model.error().message);
}

void Updater::StartDeployed() {
  struct Start {
    std::string handle;
    Result<std::shared_ptr<ServedModel>> model = Unavailable("not started");
  };
  std::vector<Start> starts;
  for (const DeployedModel& model : parts_.store.state().models) starts.push_back({model.handle});
  {
    std::vector<std::thread> threads;
    for (size_t i = 0; i < starts.size(); ++i)
      threads.emplace_back([this, &start = starts[i], model = parts_.store.state().models[i]] {
        start.model = StartInstalled(model.handle, model.current.sha256);
      });
    for (std::thread& thread : threads) thread.join();
  }
  for (Start& start : starts) {
    Status status = start.model ? parts_.registry.Put(*start.model) : Status(start.model.error());
    if (!status) RestorePrevious(start.handle, status.error().message);
  }
  parts_.store.CollectGarbage();
}

void Updater::RestorePrevious(const std::string& handle, const std::string& why) {
  DeviceState next = parts_.store.state();
  DeployedModel* deployed = next.FindModel(handle);
  if (deployed == nullptr) return;
  const InstalledVersion bad = deployed->current;
  std::string problem = "there is no former version";
  if (deployed->previous.has_value()) {
    auto model = StartInstalled(handle, deployed->previous->sha256);
    const Status status = model ? parts_.registry.Put(*model) : Status(model.error());
    problem = status ? "" : status.error().message;
  }
  LogError("a deployed version is bad", {{"handle", handle},
                                         {"version", bad.model_version},
                                         {"why", why},
                                         {"rollback", problem.empty() ? "done" : problem}});
  DeploymentResult result;
  result.deployment_name = bad.deployment_name;
  result.deployment_status =
      problem.empty() ? protocol::kDeploymentRolledBack : protocol::kDeploymentFailed;
  result.deployment_status_message = "model '" + handle + "': " + why;
  result.end_time = parts_.clock.NowMs();
  DeploymentModel report = ReportOf({.model_handle = handle}, {.version = bad}, why);
  report.rollback_failure_reason = problem;
  result.models.push_back(std::move(report));
  QueueResult(next, std::move(result));
  if (problem.empty()) {
    deployed->current = *deployed->previous;
    deployed->previous.reset();
  }
  parts_.store.CommitEventually(std::move(next));
}

void Updater::HandleEvents() {
  std::vector<Condemned> condemned;
  std::vector<DeploymentResult> acknowledged;
  {
    std::lock_guard lock(events_mutex_);
    condemned.swap(condemned_);
    acknowledged.swap(acknowledged_);
  }
  for (const Condemned& event : condemned) {
    DeviceState state = parts_.store.state();
    const DeployedModel* deployed = state.FindModel(event.handle);
    if (deployed != nullptr && deployed->current.sha256 == event.sha256)
      RestorePrevious(event.handle, event.why);
  }
  DeviceState next = parts_.store.state();
  for (const DeploymentResult& result : acknowledged) {
    const auto found = std::find(next.unreported.begin(), next.unreported.end(), result);
    if (found != next.unreported.end()) next.unreported.erase(found);
  }
  if (next.unreported.size() != parts_.store.state().unreported.size())
    parts_.store.CommitEventually(std::move(next));
}

void Updater::Acknowledge(const DeploymentResult& result) {
  {
    std::lock_guard lock(events_mutex_);
    acknowledged_.push_back(result);
  }
  parts_.bell.Ring();
}

void Updater::MarkStopped() {
  DeviceState next = parts_.store.state();
  next.running = false;
  parts_.store.CommitEventually(std::move(next));
}

}  // namespace kedge::agent
