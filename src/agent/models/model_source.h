// From a model package on disk to the verified bytes that a worker will map.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/file.h"
#include "package/package.h"

namespace kedge::agent {

// A model that was verified and fits this machine. The descriptors are sealed memfds: nothing on
// disk is opened again, so a restart of the worker maps the very bytes whose signature was checked.
struct ModelSource {
  std::string model_name;
  std::string model_version;
  std::string package_sha256;
  std::string target;            // "x86-64-v3"
  uint64_t arena_bytes_max = 0;  // signed limit; a worker refuses a model that asks for more
  FileDescriptor model_so;
  FileDescriptor weights;  // not valid: the model has none
  std::string baseline;    // text of the package's baseline.json; empty: it has none
};

// Picks the best target for this machine out of a verified package. Errors: kFailedPrecondition if
// it has none for this machine or changed meanwhile; kResourceExhausted.
Result<ModelSource> TakeModel(const package::VerifiedPackage& package);

// Verifies the package at `path`: a package file, or a folder with its unpacked files. Errors:
// kNotFound; kFailedPrecondition if it is no package or its signature is refused; those of
// TakeModel.
Result<ModelSource> OpenModelSource(const Path& path, const trust::TrustedRoots& roots);

// Targets that this machine runs, best first: {"x86-64-v3", "x86-64-v2"} or {"aarch64"}.
std::vector<std::string> RunnableTargets();

}  // namespace kedge::agent
