// The model package: <model>-<version>.tar.gz in one canonical form. docs/formats/model-package.md
// describes it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "package/format.h"
#include "package/manifest.h"
#include "trust/signing.h"

namespace kedge::package {

struct WriteOptions {
  std::string model_name;     // [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}
  std::string model_version;  // [a-zA-Z0-9 _.]{1,30}
  // Folders written by `kedge compile`, one a target, all of the same model. model.so, weights.bin
  // and report.json are read (docs/formats/compiled-model.md).
  std::vector<Path> compiled;
  const trust::Signer* signer = nullptr;  // borrowed
  std::string baseline;  // text of docs/formats/baseline.md, of this model; empty: none
};

// Writes a package durably (temporary file, sync, rename). The same input and signature give the
// same bytes but for the ECDSA signature itself. Memory: a few buffers, whatever the model's size.
// kInvalidArgument for bad names, a target twice, models that differ in their inputs and outputs or
// source, a baseline that is none or of other inputs and outputs; kNotFound for a folder that lacks
// a file; kAborted if a file changed meanwhile; kResourceExhausted above a limit of format.h.
Status WritePackage(FileSystem& disk, const Path& file, const WriteOptions& options);

// A package whose every byte was verified. Holds the open file: what was verified is what is read.
// Thread-safe.
class VerifiedPackage {
 public:
  const Manifest& manifest() const { return manifest_; }
  // The canonical JSON text of the manifest file.
  const std::string& manifest_text() const { return manifest_text_; }
  // The text of model.sig.
  const std::string& signature_text() const { return signature_text_; }
  // Key id of the root that signed it.
  const std::string& key_id() const { return key_id_; }
  // The entry for the best of `targets` (best first) that the package has; kFailedPrecondition
  // naming both sides if none.
  Result<TargetEntry> SelectTarget(const std::vector<std::string>& targets) const;
  // A memfd with the bytes of one of the manifest's files, sealed against every change and digested
  // after that: ready to be mapped executable. kNotFound for another name; kDataLoss if the bytes
  // below changed since they were verified; kResourceExhausted without memory.
  Result<FileDescriptor> OpenFile(const std::string& name) const;
  // The text of the baseline that was signed with the model. kNotFound if there is none; errors of
  // OpenFile.
  Result<std::string> ReadBaseline() const;
  // Manifest and signature included, sorted.
  std::vector<std::string> FileNames() const;
  // Digest of the whole package file, hexadecimal: its name in a content-addressed store. For an
  // unpacked folder: of the package file with that content.
  const std::string& sha256() const { return sha256_; }

 private:
  friend Result<VerifiedPackage> OpenPackage(int fd, const trust::TrustedRoots& roots);
  friend Result<VerifiedPackage> OpenPackageDirectory(int directory,
                                                      const trust::TrustedRoots& roots);
  // Where a file's bytes are: in the package file at an offset of its tar stream, or a file of its
  // own.
  struct Source {
    uint64_t stream_offset = 0;
    FileDescriptor file;
  };
  Manifest manifest_;
  std::string manifest_text_;
  std::string signature_text_;
  std::string key_id_;
  std::string sha256_;
  FileDescriptor file_;                    // the package file
  std::map<std::string, Source> sources_;  // by name, the manifest's files only
};

// Reads and verifies a package file in one pass with constant memory. `fd` is borrowed (a duplicate
// is kept); its offset is not used. Errors: kInvalidArgument for anything but the canonical form
// (the message says where), kPermissionDenied for a missing or wrong signature or an unknown key,
// kResourceExhausted above a limit. Nothing of the package is used before all of it was verified.
Result<VerifiedPackage> OpenPackage(int fd, const trust::TrustedRoots& roots);

// The same for a folder that holds the unpacked files and nothing else: no links, no other files.
// `directory` is borrowed.
Result<VerifiedPackage> OpenPackageDirectory(int directory, const trust::TrustedRoots& roots);

// Either, by path: what LoadModel's url names. kNotFound.
Result<VerifiedPackage> OpenPackageAt(const Path& path, const trust::TrustedRoots& roots);

}  // namespace kedge::package
