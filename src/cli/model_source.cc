// SPDX-License-Identifier: Apache-2.0
#include "cli/model_source.h"

#include <algorithm>
#include <fcntl.h>
#include <sys/stat.h>

#include "package/format.h"
#include "runtime/session.h"
#include "trust/signing.h"

namespace kedge::cli {

namespace {

Result<ModelSource> OpenFolder(const Path& folder) {
  ModelSource source;
  auto model = OpenFile(folder / "model.so", O_RDONLY);
  if (!model) {
    return model.error().code == Code::kNotFound
               ? InvalidArgument("'" + folder.string() + "' has no model.so: not a compiled model")
               : std::move(model).error();
  }
  source.model_so = *std::move(model);
  auto weights = OpenFile(folder / "weights.bin", O_RDONLY);
  if (!weights && weights.error().code != Code::kNotFound) return std::move(weights).error();
  if (weights) source.weights = *std::move(weights);
  return source;
}

Result<ModelSource> OpenInPackage(const package::VerifiedPackage& package) {
  KEDGE_TRY(const package::TargetEntry entry, package.SelectTarget(RunnableTargets()));
  ModelSource source;
  source.verified = true;
  source.arena_bytes_max = entry.arena_bytes_max;
  KEDGE_TRY(source.model_so, package.OpenFile(entry.model_file));
  if (!entry.weights_file.empty()) {
    KEDGE_TRY(source.weights, package.OpenFile(entry.weights_file));
  }
  return source;
}

}  // namespace

std::vector<std::string> RunnableTargets() {
  const std::vector<std::string> x86 = {"x86-64-v4", "x86-64-v3", "x86-64-v2"};
  const std::string native = runtime::NativeTarget();
  const auto best = std::find(x86.begin(), x86.end(), native);
  return best == x86.end() ? std::vector<std::string>{native}
                           : std::vector<std::string>(best, x86.end());
}

bool IsPackage(const Path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    return std::filesystem::exists(path / package::kManifestName, ignored);
  return path.string().ends_with(".tar.gz");
}

Result<package::VerifiedPackage> OpenVerifiedPackage(const Path& path, const std::string& root) {
  if (root.empty()) {
    return InvalidArgument("'" + path.string() +
                           "' is a package: name the certificate it must be signed by with --root");
  }
  KEDGE_TRY(const trust::TrustedRoots roots, trust::TrustedRoots::Load(root, false));
  return package::OpenPackageAt(path, roots);
}

Result<ModelSource> OpenModelSource(const Path& path, const std::string& root) {
  std::error_code error;
  if (!std::filesystem::exists(path, error))
    return NotFound("'" + path.string() + "' is not there");
  if (IsPackage(path)) {
    KEDGE_TRY(const package::VerifiedPackage package, OpenVerifiedPackage(path, root));
    return OpenInPackage(package);
  }
  if (std::filesystem::is_directory(path, error)) return OpenFolder(path);
  return InvalidArgument("'" + path.string() +
                         "' is neither a compiled folder nor a package (*.tar.gz)");
}

}  // namespace kedge::cli
