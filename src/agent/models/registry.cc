// SPDX-License-Identifier: Apache-2.0
#include "agent/models/registry.h"

#include "base/log.h"
#include "protocol/edge_api.h"

namespace kedge::agent {

Status CheckHandle(const std::string& handle) {
  if (protocol::IsEntityName(handle)) return {};
  return InvalidArgument("model handle '" + handle.substr(0, 80) +
                         "' is not 1 to 63 letters, digits and inner hyphens");
}

Result<std::shared_ptr<ServedModel>> Registry::Load(const std::string& handle,
                                                    const std::string& url) {
  KEDGE_TRY_STATUS(CheckHandle(handle));
  if (url.empty()) {
    if (auto loaded = Find(handle)) return loaded;
    if (!deployed_start_) return NotFound("no model is deployed as '" + handle + "'");
  } else if (!Path(url).is_absolute()) {
    return InvalidArgument("model url '" + url + "' is no absolute path");
  }
  {
    std::unique_lock lock(mutex_);
    if (models_.contains(handle) || loading_.contains(handle))
      return AlreadyExists("a model is loaded as '" + handle + "'");
    if (models_.size() + loading_.size() >= kModelsMax)
      return ResourceExhausted(std::to_string(kModelsMax) + " models are loaded, no more fit");
    loading_.insert(handle);
  }
  auto started = url.empty() ? deployed_start_(handle) : OpenAndStart(handle, url);
  std::unique_lock lock(mutex_);
  loading_.erase(handle);
  // A deployment may have taken the handle meanwhile; it keeps it.
  if (started && !models_.emplace(handle, *started).second)
    return AlreadyExists("a model is loaded as '" + handle + "'");
  return started;
}

Result<std::shared_ptr<ServedModel>> Registry::OpenAndStart(const std::string& handle,
                                                            const Path& package) const {
  KEDGE_TRY(ModelSource source, OpenModelSource(package, *options_.roots));
  return StartDetached(handle, package.string(), std::move(source), {});
}

Result<std::shared_ptr<ServedModel>> Registry::StartDetached(
    std::string handle, std::string url, ModelSource source,
    std::function<void(const std::string&)> on_condemned) const {
  ServedModelOptions options{
      .worker = options_.worker, .clock = options_.clock, .on_condemned = std::move(on_condemned)};
  return ServedModel::Start(std::move(handle), std::move(url), std::move(source),
                            std::move(options));
}

Status Registry::Unload(const std::string& handle) {
  std::shared_ptr<ServedModel> model;  // ended after the lock is gone
  std::unique_lock lock(mutex_);
  const auto found = models_.find(handle);
  if (found == models_.end()) return NotFound("no model is loaded as '" + handle + "'");
  model = std::move(found->second);
  models_.erase(found);
  lock.unlock();
  LogInfo("model is unloaded", {{"handle", handle}});
  return {};
}

Result<std::shared_ptr<ServedModel>> Registry::Find(const std::string& handle) const {
  std::shared_lock lock(mutex_);
  const auto found = models_.find(handle);
  if (found == models_.end())
    return NotFound("no model is loaded as '" + handle.substr(0, 80) + "'");
  return found->second;
}

std::vector<std::shared_ptr<ServedModel>> Registry::List() const {
  std::shared_lock lock(mutex_);
  std::vector<std::shared_ptr<ServedModel>> models;
  for (const auto& [handle, model] : models_) models.push_back(model);
  return models;
}

Status Registry::Put(std::shared_ptr<ServedModel> model) {
  std::unique_lock lock(mutex_);
  const std::string& handle = model->identity().handle;
  if (!models_.contains(handle) && models_.size() + loading_.size() >= kModelsMax)
    return ResourceExhausted(std::to_string(kModelsMax) + " models are loaded, no more fit");
  // The former model, if it was the last to hold it, ends outside the lock with `model`.
  model.swap(models_[handle]);
  lock.unlock();
  return {};
}

}  // namespace kedge::agent
