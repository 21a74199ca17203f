// `sagemaker_edge_manifest`: what a package says about itself. Canonical JSON, described in
// docs/formats/model-package.md.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json/json.h"
#include "base/result.h"
#include "trust/bundle.h"

namespace kedge::package {

// One compiled target inside a package.
struct TargetEntry {
  std::string target;            // "x86-64-v3"
  std::string cpu_features;      // as in kedge_model_info
  std::string model_file;        // "x86-64-v3/model.so"
  std::string weights_file;      // "x86-64-v3/weights.bin", empty: none
  uint64_t arena_bytes_max = 0;  // a loader refuses a model that asks for more
};

struct FileEntry {
  std::string name;
  uint64_t bytes = 0;
  std::string sha256;  // lower-case hexadecimal
};

struct Manifest {
  std::string model_name;
  std::string model_version;
  std::string model_sha256;          // of the source model
  std::vector<TargetEntry> targets;  // sorted by target
  std::string baseline_file;         // "baseline.json", empty: none (then the format version is 1)
  std::vector<FileEntry> files;      // sorted by name: exactly what targets and baseline name
  json::Value io;  // {"inputs": [{"name", "dtype", "shape"}...], "outputs": [...]}
};

// {"inputs", "outputs"} with exactly the members of Manifest::io, from a value that may have more
// (report.json). kInvalidArgument for a missing member, a wrong type, a shape or name beyond the
// limits.
Result<json::Value> ReadIo(const json::Value& value);

// kInvalidArgument or kResourceExhausted unless every member is as the format demands.
Status CheckManifest(const Manifest& manifest);

// The manifest must be one that CheckManifest accepts.
std::string WriteManifest(const Manifest& manifest);

// kInvalidArgument for anything but the canonical text of a manifest that CheckManifest accepts;
// kUnimplemented for another format version, naming it.
Result<Manifest> ParseManifest(std::string_view text);

// The statement that the package's signature must sign: every file of the manifest and the manifest
// itself, whose text is given.
std::string StatementFor(const Manifest& manifest, std::string_view manifest_text);

}  // namespace kedge::package
