// SPDX-License-Identifier: Apache-2.0
#include "agent/models/model_source.h"

namespace kedge::agent {

namespace {

// A package that is not in order is, for the client of LoadModel, a model that cannot be loaded.
Error AsLoadError(Error error, const std::string& name) {
  if (error.code != Code::kNotFound && error.code != Code::kResourceExhausted)
    error.code = Code::kFailedPrecondition;
  return Wrap(std::move(error), "model package " + name);
}

}  // namespace

std::vector<std::string> RunnableTargets() {
  std::vector<std::string> targets;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("x86-64-v4")) targets.push_back("x86-64-v4");
  if (__builtin_cpu_supports("x86-64-v3")) targets.push_back("x86-64-v3");
  if (__builtin_cpu_supports("x86-64-v2")) targets.push_back("x86-64-v2");
#elif defined(__aarch64__)
  targets.push_back("aarch64");
#endif
  return targets;
}

Result<ModelSource> TakeModel(const package::VerifiedPackage& package) {
  ModelSource source;
  source.model_name = package.manifest().model_name;
  source.model_version = package.manifest().model_version;
  source.package_sha256 = package.sha256();
  const std::string name = source.model_name + " " + source.model_version;
  auto entry = package.SelectTarget(RunnableTargets());
  if (!entry) return AsLoadError(entry.error(), name);
  source.target = entry->target;
  source.arena_bytes_max = entry->arena_bytes_max;
  auto model_so = package.OpenFile(entry->model_file);
  if (!model_so) return AsLoadError(model_so.error(), name);
  source.model_so = std::move(*model_so);
  if (!package.manifest().baseline_file.empty()) {
    auto baseline = package.ReadBaseline();
    if (!baseline) return AsLoadError(baseline.error(), name);
    source.baseline = std::move(*baseline);
  }
  if (entry->weights_file.empty()) return source;
  auto weights = package.OpenFile(entry->weights_file);
  if (!weights) return AsLoadError(weights.error(), name);
  source.weights = std::move(*weights);
  return source;
}

Result<ModelSource> OpenModelSource(const Path& path, const trust::TrustedRoots& roots) {
  auto package = package::OpenPackageAt(path, roots);
  if (!package) return AsLoadError(package.error(), path.string());
  return TakeModel(*package);
}

}  // namespace kedge::agent
