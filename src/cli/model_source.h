// Where `kedge run`, `bench` and `inspect` get a compiled model from: a folder of `kedge compile`,
// or a model package (a file, or the folder it unpacks to), of which every byte is verified first.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json/json.h"
#include "package/package.h"

namespace kedge::cli {

struct ModelSource {
  FileDescriptor model_so;
  uint64_t arena_bytes_max = UINT64_MAX;  // what the package allows
  FileDescriptor weights;                 // not valid: the model has none
  bool verified = false;                  // every byte; false for a compiled folder
};

// Targets that this machine can run, best first.
std::vector<std::string> RunnableTargets();

// Opens what will be run. `root`: trusted certificate, needed for a package. Errors: kNotFound;
// kInvalidArgument for something else than a compiled folder or a package, or a package without
// `root`; those of package::OpenPackage; kFailedPrecondition if a package has no target that this
// machine can run.
Result<ModelSource> OpenModelSource(const Path& path, const std::string& root);

// Whether the path is a package (file or unpacked) rather than a compiled folder or a model file.
bool IsPackage(const Path& path);
Result<package::VerifiedPackage> OpenVerifiedPackage(const Path& path, const std::string& root);

}  // namespace kedge::cli
