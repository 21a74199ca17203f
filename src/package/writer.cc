// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/crypto/crypto.h"
#include "package/encoder.h"
#include "package/package.h"
#include "package/ustar.h"
#include "stats/baseline/baseline.h"
#include "tensor/dtype.h"

namespace kedge::package {

namespace {

constexpr size_t kReportBytesMax = 64 << 20;
constexpr size_t kCopyBytes = 256 << 10;

// An open file of a compiled folder, digested.
struct Part {
  FileEntry entry;
  FileDescriptor file;
};

// One compiled folder.
struct Compiled {
  TargetEntry target;
  std::string model_sha256;
  json::Value io;
  std::vector<Part> parts;
};

// Reads the file from its start in pieces, exactly as many bytes as it had when it was opened.
Status ForEachPiece(int fd, uint64_t bytes, const Sink& sink) {
  ByteBuffer piece;
  for (uint64_t offset = 0; offset < bytes; offset += piece.size()) {
    piece.resize(std::min<uint64_t>(kCopyBytes, bytes - offset));
    if (Status status = ReadAt(fd, offset, piece); !status)
      return status.error().code == Code::kInvalidArgument ? Aborted("file became shorter")
                                                           : status;
    KEDGE_TRY_STATUS(sink(piece));
  }
  return {};
}

Result<Part> OpenPart(const Path& path, std::string name) {
  Part part;
  part.entry.name = std::move(name);
  KEDGE_TRY(part.file, OpenFile(path, O_RDONLY));
  struct stat info{};
  if (::fstat(part.file.get(), &info) != 0)
    return ErrnoError(errno, "stat '" + path.string() + "'");
  part.entry.bytes = static_cast<uint64_t>(info.st_size);
  crypto::Hasher hasher;
  KEDGE_TRY_STATUS(ForEachPiece(part.file.get(), part.entry.bytes, [&](Bytes bytes) -> Status {
    hasher.Update(bytes);
    return {};
  }));
  part.entry.sha256 = HexEncode(hasher.Finish());
  return part;
}

// What report.json says, as far as a package needs it.
Result<Compiled> ReadReport(const Path& path, FileSystem& disk) {
  KEDGE_TRY(const ByteBuffer text, disk.Read(path, kReportBytesMax));
  KEDGE_TRY(const json::Value report, json::Parse(AsText(text)));
  Compiled compiled;
  compiled.target.target = report.StringOr("target", "");
  KEDGE_TRY_STATUS(CheckTargetName(compiled.target.target));
  compiled.target.cpu_features = report.StringOr("cpu_features", "");
  const int64_t arena_bytes = report.IntOr("arena_bytes", -1);
  if (arena_bytes < 0) return InvalidArgument("member 'arena_bytes' is missing or negative");
  compiled.target.arena_bytes_max = static_cast<uint64_t>(arena_bytes);
  compiled.model_sha256 = report.StringOr("model_hash", "");
  KEDGE_TRY(compiled.io, ReadIo(report));
  return compiled;
}

Result<Compiled> OpenCompiled(const Path& folder, FileSystem& disk) {
  const Path report = folder / kReportFile;
  auto compiled = ReadReport(report, disk);
  if (!compiled) return Wrap(std::move(compiled).error(), "'" + report.string() + "'");
  TargetEntry& target = compiled->target;
  const std::string prefix = target.target + "/";
  target.model_file = prefix + std::string(kModelFile);
  KEDGE_TRY(Part model, OpenPart(folder / kModelFile, target.model_file));
  compiled->parts.push_back(std::move(model));
  const Path weights_path = folder / kWeightsFile;
  if (!disk.Exists(weights_path)) return compiled;
  KEDGE_TRY(Part weights, OpenPart(weights_path, prefix + std::string(kWeightsFile)));
  if (weights.entry.bytes == 0) return compiled;  // a model without weights
  target.weights_file = weights.entry.name;
  compiled->parts.push_back(std::move(weights));
  return compiled;
}

// The baseline's tensors must be those of the model, or a device would count nothing.
Status CheckBaselineFits(const stats::Baseline& baseline, const json::Value& io) {
  for (const stats::TensorUse& use : baseline.tensors) {
    const bool input = use.side == stats::Side::kInput;
    const json::Array& tensors = *io.Find(input ? "inputs" : "outputs")->AsArray();
    json::Array shape(use.shape.dims.begin(), use.shape.dims.end());
    if (use.index >= tensors.size() ||
        tensors[use.index].StringOr("dtype", "") != DTypeName(use.dtype) ||
        *tensors[use.index].Find("shape") != json::Value(std::move(shape))) {
      return InvalidArgument("baseline is of another model: it has the " +
                             std::string(input ? "input " : "output ") + std::to_string(use.index) +
                             " '" + use.name + "' as " + std::string(DTypeName(use.dtype)) + " " +
                             ToString(use.shape));
    }
  }
  return {};
}

// An entry for the baseline's text, if there is one.
Status AddBaseline(const WriteOptions& options, Manifest& manifest) {
  if (options.baseline.empty()) return {};
  KEDGE_TRY(const stats::Baseline baseline, stats::ParseBaseline(options.baseline));
  KEDGE_TRY_STATUS(CheckBaselineFits(baseline, manifest.io));
  manifest.baseline_file = kBaselineFile;
  manifest.files.push_back({.name = manifest.baseline_file,
                            .bytes = options.baseline.size(),
                            .sha256 = crypto::Sha256Hex(AsBytes(options.baseline))});
  return {};
}

// Manifest over all folders. They must be of one model.
Result<Manifest> MakeManifest(const WriteOptions& options, const std::vector<Compiled>& all) {
  Manifest manifest{.model_name = options.model_name,
                    .model_version = options.model_version,
                    .model_sha256 = all.front().model_sha256,
                    .io = all.front().io};
  for (const Compiled& compiled : all) {
    if (compiled.io != manifest.io || compiled.model_sha256 != manifest.model_sha256) {
      return InvalidArgument("targets '" + all.front().target.target + "' and '" +
                             compiled.target.target + "' are compiled from different models");
    }
    manifest.targets.push_back(compiled.target);
    for (const Part& part : compiled.parts) manifest.files.push_back(part.entry);
  }
  KEDGE_TRY_STATUS(AddBaseline(options, manifest));
  std::sort(manifest.targets.begin(), manifest.targets.end(),
            [](const auto& a, const auto& b) { return a.target < b.target; });
  std::sort(manifest.files.begin(), manifest.files.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  KEDGE_TRY_STATUS(CheckManifest(manifest));
  return manifest;
}

// Writes a file's bytes while digesting them again: what is packed is what was signed.
Status AddPart(const Part& part, PackageEncoder& encoder) {
  KEDGE_TRY_STATUS(encoder.BeginFile(part.entry.name, part.entry.bytes));
  crypto::Hasher hasher;
  KEDGE_TRY_STATUS(ForEachPiece(part.file.get(), part.entry.bytes, [&](Bytes bytes) {
    hasher.Update(bytes);
    return encoder.Append(bytes);
  }));
  if (HexEncode(hasher.Finish()) != part.entry.sha256)
    return Aborted("'" + part.entry.name + "' changed while it was being packaged");
  return {};
}

// What an archive is made of, besides manifest and signature.
struct Contents {
  std::vector<const Part*> parts;
  std::string_view baseline;
};

// Files in the manifest's order.
Status WriteArchive(FileWriter& file, const Manifest& manifest, std::string_view manifest_text,
                    std::string_view signature_text, const Contents& contents) {
  PackageEncoder encoder([&file](Bytes bytes) { return file.Append(bytes); });
  KEDGE_TRY_STATUS(encoder.AddFile(kManifestName, manifest_text));
  KEDGE_TRY_STATUS(encoder.AddFile(kSignatureName, signature_text));
  for (const FileEntry& entry : manifest.files) {
    if (entry.name == manifest.baseline_file) {
      KEDGE_TRY_STATUS(encoder.AddFile(entry.name, contents.baseline));
      continue;
    }
    const auto part = std::find_if(contents.parts.begin(), contents.parts.end(),
                                   [&](const Part* p) { return p->entry.name == entry.name; });
    KEDGE_CHECK(part != contents.parts.end());
    KEDGE_TRY_STATUS(AddPart(**part, encoder));
  }
  return encoder.Finish();
}

std::vector<const Part*> PartsOf(const std::vector<Compiled>& all) {
  std::vector<const Part*> parts;
  for (const Compiled& compiled : all) {
    for (const Part& part : compiled.parts) parts.push_back(&part);
  }
  return parts;
}

}  // namespace

Status WritePackage(FileSystem& disk, const Path& file, const WriteOptions& options) {
  KEDGE_CHECK(options.signer != nullptr);
  if (options.compiled.empty()) return InvalidArgument("no compiled folder to package");
  std::vector<Compiled> all;
  for (const Path& folder : options.compiled) {
    KEDGE_TRY(Compiled compiled, OpenCompiled(folder, disk));
    all.push_back(std::move(compiled));
  }
  KEDGE_TRY(const Manifest manifest, MakeManifest(options, all));
  const std::string manifest_text = WriteManifest(manifest);
  if (manifest_text.size() > kManifestBytesMax)
    return ResourceExhausted("manifest would have " + std::to_string(manifest_text.size()) +
                             " bytes, at most " + std::to_string(kManifestBytesMax) +
                             " are allowed");
  KEDGE_TRY(const std::string signature_text,
            trust::SignStatement(StatementFor(manifest, manifest_text), *options.signer));
  KEDGE_TRY(const std::unique_ptr<FileWriter> writer, disk.CreateAtomically(file));
  KEDGE_TRY_STATUS(WriteArchive(*writer, manifest, manifest_text, signature_text,
                                {.parts = PartsOf(all), .baseline = options.baseline}));
  return writer->Commit();
}

}  // namespace kedge::package
