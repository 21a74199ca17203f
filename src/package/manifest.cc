// SPDX-License-Identifier: Apache-2.0
#include "package/manifest.h"

#include <algorithm>
#include <map>

#include "base/bytes.h"
#include "base/crypto/crypto.h"
#include "package/format.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace kedge::package {

namespace {

using json::Array;
using json::Object;
using json::Value;

Error Missing(std::string_view name, std::string_view kind) {
  return InvalidArgument("member '" + std::string(name) + "' is missing or no " +
                         std::string(kind));
}

Result<std::string> String(const Value& object, std::string_view name) {
  const Value* value = object.Find(name);
  if (value == nullptr || value->AsString() == nullptr) return Missing(name, "string");
  return *value->AsString();
}

Result<uint64_t> Count(const Value& object, std::string_view name) {
  const Value* value = object.Find(name);
  const int64_t* number = value == nullptr ? nullptr : value->AsInt();
  if (number == nullptr || *number < 0) return Missing(name, "integer of 0 or more");
  return static_cast<uint64_t>(*number);
}

Result<const Array*> List(const Value& object, std::string_view name) {
  const Value* value = object.Find(name);
  if (value == nullptr || value->AsArray() == nullptr) return Missing(name, "array");
  return value->AsArray();
}

Status CheckDigest(std::string_view digest) {
  const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (digest.size() != 64 || !std::all_of(digest.begin(), digest.end(), hex))
    return InvalidArgument("'" + std::string(digest.substr(0, 64)) +
                           "' is no SHA-256 digest of 64 lower-case hexadecimal digits");
  return {};
}

Result<Value> ReadTensor(const Value& value) {
  KEDGE_TRY(std::string name, String(value, "name"));
  KEDGE_TRY(std::string dtype, String(value, "dtype"));
  KEDGE_TRY(const Array* dims, List(value, "shape"));
  if (name.empty() || name.size() > kTensorNameBytesMax)
    return InvalidArgument("tensor name has " + std::to_string(name.size()) + " bytes, 1 to " +
                           std::to_string(kTensorNameBytesMax) + " are allowed");
  KEDGE_TRY_STATUS(ParseDType(dtype));
  Shape shape;
  for (const Value& dim : *dims) {
    if (dim.AsInt() == nullptr) return Missing("shape", "array of integers");
    shape.dims.push_back(*dim.AsInt());
  }
  if (Status status = CheckShape(shape); !status)
    return Wrap(status.error(), "tensor '" + name + "'");
  Array clean(shape.dims.begin(), shape.dims.end());
  return Value(
      Object{{"name", std::move(name)}, {"dtype", std::move(dtype)}, {"shape", std::move(clean)}});
}

Result<TargetEntry> ReadTarget(const Value& value) {
  TargetEntry entry;
  KEDGE_TRY(entry.target, String(value, "target"));
  KEDGE_TRY(entry.cpu_features, String(value, "cpu_features"));
  KEDGE_TRY(entry.model_file, String(value, "model"));
  KEDGE_TRY(entry.weights_file, String(value, "weights"));
  const Value* limits = value.Find("limits");
  if (limits == nullptr) return Missing("limits", "object");
  KEDGE_TRY(entry.arena_bytes_max, Count(*limits, "arena_bytes"));
  return entry;
}

Result<FileEntry> ReadFile(const Value& value) {
  FileEntry entry;
  KEDGE_TRY(entry.name, String(value, "name"));
  KEDGE_TRY(entry.bytes, Count(value, "bytes"));
  KEDGE_TRY(entry.sha256, String(value, "sha256"));
  return entry;
}

// Gives whether the manifest names a baseline.
Result<bool> ReadFormatVersion(const Value& value) {
  KEDGE_TRY(const uint64_t format, Count(value, "format"));
  if (format != kFormatVersion && format != kFormatVersionWithBaseline) {
    return Unimplemented("package has format version " + std::to_string(format) +
                         ", this program reads " + std::to_string(kFormatVersion) + " and " +
                         std::to_string(kFormatVersionWithBaseline));
  }
  return format == kFormatVersionWithBaseline;
}

Result<Manifest> ReadManifest(const Value& value) {
  KEDGE_TRY(const bool has_baseline, ReadFormatVersion(value));
  Manifest manifest;
  if (has_baseline) {
    KEDGE_TRY(manifest.baseline_file, String(value, "baseline"));
  }
  const Value* metadata = value.Find("metadata");
  const Value* io = value.Find("io");
  if (metadata == nullptr) return Missing("metadata", "object");
  if (io == nullptr) return Missing("io", "object");
  KEDGE_TRY(manifest.model_name, String(*metadata, "model_name"));
  KEDGE_TRY(manifest.model_version, String(*metadata, "model_version"));
  KEDGE_TRY(manifest.model_sha256, String(value, "model_sha256"));
  KEDGE_TRY(manifest.io, ReadIo(*io));
  KEDGE_TRY(const Array* targets, List(value, "targets"));
  KEDGE_TRY(const Array* files, List(value, "files"));
  if (targets->size() > kFilesMax || files->size() > kFilesMax)
    return ResourceExhausted("more than " + std::to_string(kFilesMax) + " files");
  for (const Value& target : *targets) {
    KEDGE_TRY(TargetEntry entry, ReadTarget(target));
    manifest.targets.push_back(std::move(entry));
  }
  for (const Value& file : *files) {
    KEDGE_TRY(FileEntry entry, ReadFile(file));
    manifest.files.push_back(std::move(entry));
  }
  return manifest;
}

Status CheckTarget(const TargetEntry& entry) {
  KEDGE_TRY_STATUS(CheckTargetName(entry.target));
  const std::string folder = entry.target + "/";
  if (entry.model_file != folder + std::string(kModelFile))
    return InvalidArgument("target '" + entry.target + "' names the model '" + entry.model_file +
                           "', expected '" + folder + std::string(kModelFile) + "'");
  if (!entry.weights_file.empty() && entry.weights_file != folder + std::string(kWeightsFile))
    return InvalidArgument("target '" + entry.target + "' names the weights '" +
                           entry.weights_file + "', expected '" + folder +
                           std::string(kWeightsFile) + "'");
  return {};
}

Status CheckFiles(const Manifest& manifest) {
  std::vector<std::string> wanted;
  for (const TargetEntry& entry : manifest.targets) {
    wanted.push_back(entry.model_file);
    if (!entry.weights_file.empty()) wanted.push_back(entry.weights_file);
  }
  if (!manifest.baseline_file.empty()) wanted.push_back(manifest.baseline_file);
  std::sort(wanted.begin(), wanted.end());
  uint64_t total = 0;
  std::vector<std::string> listed;
  for (const FileEntry& file : manifest.files) {
    KEDGE_TRY_STATUS(CheckFileName(file.name));
    KEDGE_TRY_STATUS(CheckDigest(file.sha256));
    if (file.bytes == 0) return InvalidArgument("file '" + file.name + "' is empty");
    if (file.name == manifest.baseline_file && file.bytes > kBaselineFileBytesMax)
      return ResourceExhausted("baseline has " + std::to_string(file.bytes) + " bytes, at most " +
                               std::to_string(kBaselineFileBytesMax) + " are allowed");
    if (file.bytes > kPackageBytesMax - total)
      return ResourceExhausted("files up to '" + file.name + "' have more than " +
                               std::to_string(kPackageBytesMax) + " bytes in all");
    total += file.bytes;
    listed.push_back(file.name);
  }
  if (listed != wanted)
    return InvalidArgument("list of files is not exactly what targets and baseline name, sorted");
  return {};
}

Value WriteTarget(const TargetEntry& entry) {
  return Object{{"target", entry.target},
                {"cpu_features", entry.cpu_features},
                {"model", entry.model_file},
                {"weights", entry.weights_file},
                {"limits", Object{{"arena_bytes", entry.arena_bytes_max}}}};
}

}  // namespace

Result<Value> ReadIo(const Value& value) {
  Object io;
  for (const std::string_view side : {"inputs", "outputs"}) {
    KEDGE_TRY(const Array* tensors, List(value, side));
    if (tensors->size() > kTensorsMax)
      return ResourceExhausted("more than " + std::to_string(kTensorsMax) + " " +
                               std::string(side));
    Array clean;
    for (const Value& tensor : *tensors) {
      KEDGE_TRY(Value entry, ReadTensor(tensor));
      clean.push_back(std::move(entry));
    }
    io.Set(side, std::move(clean));
  }
  return Value(std::move(io));
}

Status CheckManifest(const Manifest& manifest) {
  KEDGE_TRY_STATUS(CheckModelName(manifest.model_name));
  KEDGE_TRY_STATUS(CheckModelVersion(manifest.model_version));
  KEDGE_TRY_STATUS(CheckDigest(manifest.model_sha256));
  if (manifest.targets.empty()) return InvalidArgument("package has no target");
  for (size_t i = 0; i < manifest.targets.size(); ++i) {
    KEDGE_TRY_STATUS(CheckTarget(manifest.targets[i]));
    if (i > 0 && manifest.targets[i - 1].target >= manifest.targets[i].target)
      return InvalidArgument("target '" + manifest.targets[i].target +
                             "' stands twice or is not in order");
  }
  if (!manifest.baseline_file.empty() && manifest.baseline_file != kBaselineFile)
    return InvalidArgument("baseline is '" + manifest.baseline_file + "', expected '" +
                           std::string(kBaselineFile) + "'");
  if (manifest.files.size() + 2 > kFilesMax)
    return ResourceExhausted("package has " + std::to_string(manifest.files.size() + 2) +
                             " files, at most " + std::to_string(kFilesMax) + " are allowed");
  return CheckFiles(manifest);
}

std::string WriteManifest(const Manifest& manifest) {
  Array targets;
  targets.reserve(manifest.targets.size());
  for (const TargetEntry& entry : manifest.targets) targets.push_back(WriteTarget(entry));
  Array files;
  for (const FileEntry& file : manifest.files) {
    files.emplace_back(Object{{"name", file.name}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  }
  const bool has_baseline = !manifest.baseline_file.empty();
  Object object{
      {"format", has_baseline ? kFormatVersionWithBaseline : kFormatVersion},
      {"metadata",
       Object{{"model_name", manifest.model_name}, {"model_version", manifest.model_version}}},
      {"model_sha256", manifest.model_sha256},
      {"io", manifest.io},
      {"targets", std::move(targets)},
      {"files", std::move(files)},
  };
  if (has_baseline) object.Set("baseline", manifest.baseline_file);
  return json::WriteCanonical(object);
}

Result<Manifest> ParseManifest(std::string_view text) {
  KEDGE_TRY(const Value value, json::Parse(text, {.bytes_max = kManifestBytesMax, .depth_max = 8}));
  KEDGE_TRY(Manifest manifest, ReadManifest(value));
  KEDGE_TRY_STATUS(CheckManifest(manifest));
  if (WriteManifest(manifest) != text)
    return InvalidArgument("text is not the canonical JSON of what it says");
  return manifest;
}

std::string StatementFor(const Manifest& manifest, std::string_view manifest_text) {
  std::vector<trust::Resource> resources;
  for (const FileEntry& file : manifest.files) resources.push_back({file.name, file.sha256});
  resources.push_back({std::string(kManifestName), crypto::Sha256Hex(AsBytes(manifest_text))});
  std::sort(resources.begin(), resources.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return trust::WriteStatement(manifest.model_name + "-" + manifest.model_version, resources);
}

}  // namespace kedge::package
