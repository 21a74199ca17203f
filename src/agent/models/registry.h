// The loaded models by handle: LoadModel, UnLoadModel, ListModels, DescribeModel and the way to a
// model for Predict. Deployments put their models in through Put and Remove.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <vector>

#include "agent/models/served_model.h"

namespace kedge::agent {

constexpr size_t kModelsMax = 64;  // loaded at one time; more are kResourceExhausted

struct RegistryOptions {
  const trust::TrustedRoots* roots = nullptr;  // borrowed
  const Clock* clock = nullptr;                // borrowed
  ring::WorkerOptions worker;                  // program and limits for every model
};

// ^[a-zA-Z0-9](-*[a-zA-Z0-9])*$ with at most 63 characters; kInvalidArgument otherwise.
Status CheckHandle(const std::string& handle);

// Thread-safe. No lock is held while a package is read or a worker starts.
class Registry {
 public:
  explicit Registry(RegistryOptions options) : options_(std::move(options)) {}

  // Starts the deployed version of a handle, as StartDetached does; kNotFound if there is none. Set
  // before the first call.
  using DeployedStart =
      std::function<Result<std::shared_ptr<ServedModel>>(const std::string& handle)>;
  void SetDeployedStart(DeployedStart start) { deployed_start_ = std::move(start); }

  // Loads the package at `url` under `handle`. With an empty url: the handle's deployed version,
  // and if the handle has a model already, that one. Errors: kInvalidArgument (handle or url),
  // kAlreadyExists, kNotFound, kFailedPrecondition, kResourceExhausted.
  Result<std::shared_ptr<ServedModel>> Load(const std::string& handle, const std::string& url);
  // kNotFound.
  Status Unload(const std::string& handle);
  // kNotFound.
  Result<std::shared_ptr<ServedModel>> Find(const std::string& handle) const;
  std::vector<std::shared_ptr<ServedModel>> List() const;  // sorted by handle

  // Starts a model beside the loaded ones without giving it the handle yet: the probe of an update.
  Result<std::shared_ptr<ServedModel>> StartDetached(
      std::string handle, std::string url, ModelSource source,
      std::function<void(const std::string&)> on_condemned) const;
  // Gives the handle to this model. Runs in flight on a former one end there; new ones come here.
  // kResourceExhausted if the handle is new and kModelsMax are loaded.
  Status Put(std::shared_ptr<ServedModel> model);

 private:
  Result<std::shared_ptr<ServedModel>> OpenAndStart(const std::string& handle,
                                                    const Path& package) const;

  RegistryOptions options_;
  DeployedStart deployed_start_;
  mutable std::shared_mutex mutex_;
  std::map<std::string, std::shared_ptr<ServedModel>, std::less<>> models_;
  std::set<std::string, std::less<>> loading_;  // handles that a Load is working on
};

}  // namespace kedge::agent
