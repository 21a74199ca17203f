// `kedge inspect`: says what a model, a compiled model or a package is, without running anything of
// it.
// SPDX-License-Identifier: Apache-2.0
#include <cinttypes>
#include <cstdio>

#include "base/flags.h"
#include "base/subprocess.h"
#include "cli/command.h"
#include "cli/executor.h"
#include "cli/inputs.h"
#include "cli/model_source.h"

namespace kedge::cli {

namespace {

constexpr uint64_t kReportBytesMax = 64 << 20;
constexpr std::chrono::milliseconds kSummaryTimeout{60'000};

// Sizes that are not known before compiling stand as "?" or by their name.
std::string ShapeText(const json::Value& tensor) {
  const json::Value* dims = tensor.Find("shape");
  if (dims == nullptr || dims->AsArray() == nullptr || dims->AsArray()->empty())
    return dims == nullptr ? "?" : "scalar";
  std::string text;
  for (const json::Value& dim : *dims->AsArray()) {
    text += text.empty() ? "" : "x";
    if (dim.AsInt() != nullptr) {
      text += std::to_string(*dim.AsInt());
    } else {
      text += dim.AsString() != nullptr ? *dim.AsString() : "?";
    }
  }
  return text;
}

void PrintTensors(const json::Value& io, const char* side) {
  const json::Value* tensors = io.Find(side);
  if (tensors == nullptr || tensors->AsArray() == nullptr) return;
  size_t i = 0;
  for (const json::Value& tensor : *tensors->AsArray()) {
    std::printf("  %-8s %zu  %-5s %-18s %s\n", i == 0 ? side : "", i,
                tensor.StringOr("dtype", "").c_str(), ShapeText(tensor).c_str(),
                tensor.StringOr("name", "").c_str());
    ++i;
  }
}

// Numbers of the report by their names, those that are there.
void PrintNumbers(const json::Value& value) {
  constexpr const char* kNames[] = {"opset", "parameters", "arena_bytes", "code_bytes",
                                    "weights_bytes"};
  for (const char* name : kNames) {
    if (const json::Value* number = value.Find(name);
        number != nullptr && number->AsInt() != nullptr)
      std::printf("  %-14s %" PRId64 "\n", name, *number->AsInt());
  }
}

void PrintOperators(const json::Value& value) {
  const json::Value* operators = value.Find("operators");
  if (operators == nullptr || operators->AsObject() == nullptr) return;
  std::printf("  operators\n");
  for (const auto& [name, count] : *operators->AsObject())
    std::printf("    %6" PRId64 "  %s\n", count.AsInt() != nullptr ? *count.AsInt() : 0,
                name.c_str());
}

void PrintNotes(const json::Value& value) {
  const json::Value* notes = value.Find("notes");
  if (notes == nullptr || notes->AsArray() == nullptr) return;
  for (const json::Value& note : *notes->AsArray())
    std::printf("  note           %s\n",
                note.AsString() != nullptr ? note.AsString()->c_str() : "");
}

// A compiled folder, by its report.json.
Status InspectFolder(const std::string& path, bool as_json) {
  PosixFileSystem disk;
  auto text = disk.Read(Path(path) / "report.json", kReportBytesMax);
  if (!text && text.error().code == Code::kNotFound)
    return InvalidArgument("'" + path + "' has no report.json: not a compiled model");
  if (!text) return std::move(text).error();
  auto report = json::Parse(AsText(*text));
  if (!report) return Wrap(std::move(report).error(), "'" + path + "/report.json'");
  if (as_json) {
    std::printf("%s\n", json::Write(*report).c_str());
    return {};
  }
  std::printf("%s: compiled for %s\n", path.c_str(), report->StringOr("target", "?").c_str());
  if (const std::string features = report->StringOr("cpu_features", ""); !features.empty())
    std::printf("  needs    %s\n", features.c_str());
  PrintTensors(*report, "inputs");
  PrintTensors(*report, "outputs");
  PrintNumbers(*report);
  std::printf("  source         sha256 %s\n", report->StringOr("model_hash", "").c_str());
  return {};
}

Status InspectPackage(const std::string& path, const std::string& root, bool as_json) {
  KEDGE_TRY(const package::VerifiedPackage package, OpenVerifiedPackage(path, root));
  if (as_json) {
    std::printf("%s\n", package.manifest_text().c_str());
    return {};
  }
  const package::Manifest& manifest = package.manifest();
  std::printf("%s: package of %s version %s, verified\n", path.c_str(), manifest.model_name.c_str(),
              manifest.model_version.c_str());
  for (const package::TargetEntry& target : manifest.targets) {
    std::printf("  target   %s, arena at most %" PRIu64 " bytes%s%s\n", target.target.c_str(),
                target.arena_bytes_max, target.cpu_features.empty() ? "" : ", needs ",
                target.cpu_features.c_str());
  }
  PrintTensors(manifest.io, "inputs");
  PrintTensors(manifest.io, "outputs");
  for (const package::FileEntry& file : manifest.files) {
    std::printf("  file     %10" PRIu64 "  %s\n           sha256 %s\n", file.bytes,
                file.name.c_str(), file.sha256.c_str());
  }
  return {};
}

// A model in its source format: the compiler reads it, in a process of its own.
Status InspectModel(const std::string& path, bool as_json) {
  KEDGE_TRY(
      const SubprocessResult result,
      RunSubprocess({.arguments = {SiblingProgram("kedge-compile").string(), path, "--summary"},
                     .timeout = kSummaryTimeout,
                     .output_bytes_max = kReportBytesMax}));
  if (result.timed_out) return DeadlineExceeded("'" + path + "' could not be read in time");
  if (result.exit_code != 0) {
    std::string_view message = result.errors;
    while (message.ends_with('\n')) message.remove_suffix(1);
    return InvalidArgument(message.empty()
                               ? "kedge-compile ended with code " + std::to_string(result.exit_code)
                               : std::string(message));
  }
  KEDGE_TRY(const json::Value summary, json::Parse(result.output));
  if (as_json) {
    std::printf("%s\n", json::Write(summary).c_str());
    return {};
  }
  std::printf("%s: %s\n", path.c_str(), summary.StringOr("format", "model").c_str());
  PrintTensors(summary, "inputs");
  PrintTensors(summary, "outputs");
  PrintNumbers(summary);
  PrintOperators(summary);
  PrintNotes(summary);
  return {};
}

}  // namespace

int Inspect(int argc, const char* const* argv) {
  std::string path;
  std::string root;
  bool as_json = false;
  Flags flags(argv[0], "Says what a model, a compiled folder or a package is.");
  flags.Positional("MODEL", &path, "model file, compiled folder or package").Required();
  flags.Option("--root", &root, "trusted certificate, for a package");
  flags.Flag("--json", &as_json, "print one JSON line");
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  std::error_code ignored;
  Status status;
  if (!std::filesystem::exists(path, ignored)) {
    status = NotFound("'" + path + "' is not there");
  } else if (IsPackage(path)) {
    status = InspectPackage(path, root, as_json);
  } else if (std::filesystem::is_directory(path, ignored)) {
    status = InspectFolder(path, as_json);
  } else {
    status = InspectModel(path, as_json);
  }
  return status ? kExitSuccess : Fail(argv[0], status.error());
}

}  // namespace kedge::cli
