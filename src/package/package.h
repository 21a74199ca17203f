// The model package: <model>-<version>.tar.gz in one canonical form. docs/formats/model-package.md
// describes it. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json/json.h"
#include "trust/signing.h"

namespace kedge::package {

constexpr uint64_t kPackageBytesMax = uint64_t{4} << 30;
constexpr size_t kFilesMax = 256;

// One compiled target inside a package.
struct TargetEntry {
  std::string target;        // "x86-64-v3"
  std::string cpu_features;  // as in kedge_model_info
  std::string model_file;    // "x86-64-v3/model.so"
  std::string weights_file;  // "x86-64-v3/weights.bin", empty: none
};

// What `sagemaker_edge_manifest` says.
struct Manifest {
  std::string model_name;
  std::string model_version;
  std::vector<TargetEntry> targets;
  json::Value io;  // inputs and outputs as in report.json
};

struct WriteOptions {
  std::string model_name;     // [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}
  std::string model_version;  // [a-zA-Z0-9 _.]{1,30}
  std::vector<Path>
      compiled;  // folders written by `kedge compile`, one a target, all of the same model
  const trust::Signer* signer = nullptr;  // borrowed
};

// Writes a package durably (temporary file, sync, rename). The same input and signature give the
// same bytes but for the ECDSA signature itself. kInvalidArgument for bad names, a target twice,
// models that differ in their inputs and outputs.
Status WritePackage(FileSystem& disk, const Path& file, const WriteOptions& options);

// A package whose every byte was verified. Holds the open file: what was verified is what is read.
class VerifiedPackage {
 public:
  const Manifest& manifest() const { return manifest_; }
  // The canonical JSON text of the manifest file.
  const std::string& manifest_text() const { return manifest_text_; }
  // The entry for the best of `targets` (best first) that the package has; kFailedPrecondition
  // naming both sides if none.
  Result<TargetEntry> SelectTarget(const std::vector<std::string>& targets) const;
  // A sealed memfd with the verified bytes of a file of the package: ready to be mapped executable.
  // kNotFound.
  Result<FileDescriptor> OpenFile(const std::string& name) const;
  std::vector<std::string> FileNames() const;
  // Digest of the whole package file, hexadecimal: its name in a content-addressed store.
  const std::string& sha256() const { return sha256_; }

 private:
  friend Result<VerifiedPackage> OpenPackage(int fd, const trust::TrustedRoots& roots);
  struct FilePosition {
    uint64_t offset;  // in the package file
    uint64_t bytes;
    std::string sha256;
  };
  Manifest manifest_;
  std::string manifest_text_;
  std::map<std::string, FilePosition> files_;
  std::string sha256_;
  FileDescriptor file_;
};

// Reads and verifies a package file in one pass. Errors: kInvalidArgument for anything but the
// canonical form (the message says where), kPermissionDenied for a missing or wrong signature or an
// unknown key, kResourceExhausted above a limit. Nothing of the package is used before all of it
// was verified.
Result<VerifiedPackage> OpenPackage(int fd, const trust::TrustedRoots& roots);

}  // namespace kedge::package
