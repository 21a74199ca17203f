// SPDX-License-Identifier: Apache-2.0
#include "agent/update/device_store.h"

#include <algorithm>
#include <set>

#include "base/crypto/crypto.h"
#include "base/log.h"
#include "package/store.h"

namespace kedge::agent {

DeviceStore::DeviceStore(FileSystem& disk, Path root)
    : disk_(disk),
      root_(std::move(root)),
      packages_(root_ / "packages"),
      staging_(root_ / "staging"),
      file_(disk, root_) {}

Status DeviceStore::Open() {
  auto text = file_.Load();
  if (!text && text.error().code == Code::kUnimplemented) return text.error();
  Result<DeviceState> state = DeviceState();
  if (text && text->has_value()) state = ParseDeviceState(**text);
  if (!text || !state) {
    const Error& error = !text ? text.error() : state.error();
    LogError("the state of this device is damaged and put aside; the device begins without models",
             {{"why", error.message}, {"folder", root_.string()}});
    for (const char* slot : {"state.0", "state.1"})
      if (disk_.Exists(root_ / slot))
        KEDGE_TRY_STATUS(disk_.Rename(root_ / slot, root_ / (std::string(slot) + ".damaged")));
    state = DeviceState();
    KEDGE_TRY(text, file_.Load());
  }
  KEDGE_TRY_STATUS(disk_.MakeDirectories(packages_, 0700));
  KEDGE_TRY_STATUS(disk_.MakeDirectories(staging_, 0700));
  DeviceState next = std::move(*state);
  ++next.starts;
  if (next.running) ++next.crashes;
  next.running = true;
  CommitEventually(std::move(next));
  return {};
}

Status DeviceStore::Commit(DeviceState next) {
  KEDGE_TRY_STATUS(file_.Store(WriteDeviceState(next)));
  behind_ = false;
  state_ = std::move(next);
  Publish();
  return {};
}

void DeviceStore::CommitEventually(DeviceState next) {
  const Status status = file_.Store(WriteDeviceState(next));
  behind_ = !status.has_value();
  if (!status) LogError("the state could not be stored yet", {{"why", status.error().message}});
  state_ = std::move(next);
  Publish();
}

void DeviceStore::Publish() {
  std::lock_guard lock(published_mutex_);
  published_ = state_;
}

void DeviceStore::CollectGarbage() {
  std::set<std::string> kept;
  const auto keep = [&](const DeviceState& state) {
    for (std::string& digest : state.ReferencedPackages()) kept.insert(std::move(digest));
  };
  keep(state_);
  for (const std::string& text : file_.AllTexts()) {
    const auto state = ParseDeviceState(text);
    if (!state) return;  // not ours to judge
    keep(*state);
  }
  auto installed = package::ListInstalled(disk_, packages_);
  if (!installed) {
    LogWarning("cannot list the packages", {{"why", installed.error().message}});
    return;
  }
  for (const std::string& digest : *installed) {
    if (kept.contains(digest)) continue;
    if (Status removed = package::RemoveInstalled(disk_, packages_, digest); !removed)
      LogWarning("cannot remove a package", {{"why", removed.error().message}});
  }
  if (state_.update.has_value()) return;
  auto staged = disk_.List(staging_);
  if (!staged) return;
  for (const std::string& name : *staged)
    if (Status removed = disk_.Remove(staging_ / name); !removed)
      LogWarning("cannot remove a download", {{"why", removed.error().message}});
}

Path DeviceStore::StagingPath(const protocol::Definition& definition) const {
  const std::string name = definition.s3_url + "\n" + definition.checksum_sha1;
  return staging_ / (crypto::Sha256Hex(AsBytes(name)).substr(0, 32) + ".part");
}

std::optional<protocol::DeploymentResult> DeviceStore::NextUnreported() const {
  std::lock_guard lock(published_mutex_);
  if (published_.unreported.empty()) return std::nullopt;
  return published_.unreported.front();
}

Result<std::string> DeviceStore::DeployedDigest(const std::string& handle) const {
  std::lock_guard lock(published_mutex_);
  for (const DeployedModel& model : published_.models)
    if (model.handle == handle) return model.current.sha256;
  return NotFound("no model is deployed as '" + handle.substr(0, 80) + "'");
}

int64_t DeviceStore::starts() const {
  std::lock_guard lock(published_mutex_);
  return published_.starts;
}

int64_t DeviceStore::crashes() const {
  std::lock_guard lock(published_mutex_);
  return published_.crashes;
}

}  // namespace kedge::agent
