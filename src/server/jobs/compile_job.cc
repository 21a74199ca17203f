// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/compile_job.h"

#include <algorithm>
#include <fcntl.h>
#include <sys/stat.h>

#include "package/format.h"
#include "runtime/elf.h"
#include "server/jobs/archive.h"
#include "server/jobs/framework.h"
#include "server/jobs/job_files.h"
#include "server/jobs/model_input.h"
#include "server/jobs/sandbox.h"
#include "stats/baseline/baseline.h"

namespace kedge::server {
namespace {

constexpr uint64_t kModelBytesMax = uint64_t{2} << 30;  // protobuf's own limit for ONNX
constexpr size_t kInputFilesMax = 256;                  // in the input's archive
constexpr uint64_t kReportBytesMax = 16u << 20;
constexpr size_t kKeptReportBytesMax = 1u << 20;  // in the database
constexpr size_t kDerivedInputsBytesMax = 16384;  // of DataInputConfig
constexpr uint64_t kCodeBytesMax = 256u << 20;

// What the compiler writes; the archive holds them in this order.
const std::vector<std::string> kOutputs = {"model.so", "weights.bin", "report.json"};

Result<CompileOrder> ReadOrder(const JobContext& context, const std::string& name) {
  std::string request;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto job, store::FindCompilationJob(transaction, name));
    if (!job) return NotFound("the job's row is gone");
    request = job->request;
    return {};
  }));
  KEDGE_TRY(const json::Value value, json::Parse(request));
  return ReadCompileOrder(value);
}

struct FetchedModel {
  Path model;
  std::string baseline;  // text of the archive's baseline.json; empty: none
};

// The archive's baseline.json, checked: a broken one shall not be found on the devices.
Result<std::string> FetchBaseline(const Path& archive, const std::vector<std::string>& files,
                                  const ArchiveLimits& limits, const Path& folder) {
  const auto name = std::find_if(files.begin(), files.end(), [](const std::string& file) {
    return file == package::kBaselineFile || file == "./" + std::string(package::kBaselineFile);
  });
  if (name == files.end()) return std::string();
  const Path unpacked = folder / package::kBaselineFile;
  KEDGE_TRY_STATUS(UnpackOne(archive, *name, unpacked, limits));
  KEDGE_TRY(const FileDescriptor file, OpenFile(unpacked, O_RDONLY));
  auto text = ReadAll(file.get(), package::kBaselineFileBytesMax);
  if (!text) return Wrap(text.error(), "baseline.json");
  const auto baseline = stats::ParseBaseline(AsText(*text));
  if (!baseline) return InvalidArgument("baseline.json: " + baseline.error().message);
  return std::string(AsText(*text));
}

// The model as a file: the object itself, or the one .onnx in the archive that it is.
Result<FetchedModel> FetchModel(const JobContext& context, const CompileOrder& order,
                                const Path& folder, JobLog& log) {
  const Path object = folder / "input";
  KEDGE_TRY([[maybe_unused]] const std::string digest,
            FetchObject(context.blobs, order.input, object, kModelBytesMax));
  KEDGE_TRY(const bool is_archive, IsGzip(object));
  if (!is_archive) {
    if (order.input.key.ends_with("gz")) {
      return InvalidArgument("'" + order.input.Uri() + "' is not a tar.gz archive");
    }
    // A model without an archive, which Neo did not take: ONNX has no mark to know it by.
    if (order.framework == "ONNX" || order.input.key.ends_with(".onnx"))
      return FetchedModel{.model = object, .baseline = ""};
    return NotCompiled(order.framework);
  }
  constexpr ArchiveLimits kLimits = {.files_max = kInputFilesMax, .file_bytes_max = kModelBytesMax};
  KEDGE_TRY(const auto files, ListArchive(object, kLimits));
  KEDGE_TRY(const std::string name, FindModel(order.framework, files));
  if (files.size() > 1) log.Line("of the archive's files only '" + name + "' is compiled");
  FetchedModel fetched{.model = folder / "model.onnx", .baseline = ""};
  KEDGE_TRY_STATUS(UnpackOne(object, name, fetched.model, kLimits));
  KEDGE_TRY(fetched.baseline, FetchBaseline(object, files, kLimits, folder));
  return fetched;
}

// A file that the sandbox wrote: a regular file of at most that many bytes. Links are not followed.
Result<FileDescriptor> OpenOutput(const Path& file, uint64_t bytes_max) {
  KEDGE_TRY(FileDescriptor descriptor, OpenFile(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat status = {};
  if (fstat(descriptor.get(), &status) != 0) return ErrnoError(errno, "looking at an output");
  if (!S_ISREG(status.st_mode) || static_cast<uint64_t>(status.st_size) > bytes_max) {
    return Internal("the compiler's '" + file.filename().string() +
                    "' is no regular file of at most " + std::to_string(bytes_max) + " bytes");
  }
  return descriptor;
}

// The compiler ran on hostile input, so its output is looked at like any other stranger's.
// Gives report.json.
Result<json::Value> CheckOutputs(const Path& folder, const std::string& target) {
  // The folder itself must not be a link to somewhere else.
  KEDGE_TRY([[maybe_unused]] const FileDescriptor real,
            OpenFile(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  KEDGE_TRY(const FileDescriptor code, OpenOutput(folder / "model.so", kCodeBytesMax));
  KEDGE_TRY(const ByteBuffer object, ReadAll(code.get(), kCodeBytesMax));
  const Status checked =
      runtime::CheckModelObject(object, target == "aarch64" ? "aarch64" : "x86-64");
  if (!checked) return Internal("the compiler's model.so was refused: " + checked.error().message);
  KEDGE_TRY([[maybe_unused]] const FileDescriptor weights,
            OpenOutput(folder / "weights.bin", kModelBytesMax * 2));
  KEDGE_TRY(const FileDescriptor report, OpenOutput(folder / "report.json", kReportBytesMax));
  KEDGE_TRY(const ByteBuffer text, ReadAll(report.get(), kReportBytesMax));
  auto parsed = json::Parse(AsText(text));
  if (!parsed || parsed->AsObject() == nullptr) {
    return Internal("the compiler's report.json is not a JSON object");
  }
  return parsed;
}

// "data:1x3x32x32" of the report as DataInputConfig has it: {"data":[1,3,32,32]}.
std::string DerivedInputs(const json::Value& report) {
  json::Object shapes;
  const json::Value* inputs = report.Find("inputs");
  if (inputs == nullptr || inputs->AsArray() == nullptr) return "";
  for (const json::Value& input : *inputs->AsArray()) {
    const json::Value* shape = input.Find("shape");
    if (shape != nullptr) shapes.Set(input.StringOr("name", ""), *shape);
  }
  const std::string text = json::Write(shapes);
  return text.size() <= kDerivedInputsBytesMax ? text : "";
}

// What the compiler says of its work, without the lists that grow with the model if it is large.
std::string KeptReport(json::Value report) {
  std::string text = json::Write(report);
  for (const char* list : {"steps", "nodes"}) {
    if (text.size() <= kKeptReportBytesMax) break;
    report.AsObject()->Set(list, json::Array());
    report.AsObject()->Set("truncated", true);
    text = json::Write(report);
  }
  return text;
}

}  // namespace

Result<store::JobOutputs> RunCompilationJob(const JobContext& context, const JobRun& run) {
  KEDGE_TRY(const CompileOrder order, ReadOrder(context, run.name));
  KEDGE_TRY(const TemporaryDirectory scratch, TemporaryDirectory::Make(context.scratch));
  run.log.Line("fetching " + order.input.Uri());
  KEDGE_TRY(const FetchedModel fetched, FetchModel(context, order, scratch.path(), run.log));
  const Path output = scratch.path() / "output";
  const Path temporary = scratch.path() / "tmp";
  const Path cache = context.compile_cache / order.input.bucket;
  for (const Path& folder : {output, temporary, cache}) {
    KEDGE_TRY_STATUS(context.disk.MakeDirectories(folder, 0700));
  }
  run.log.Line("compiling for " + order.target.target);
  KEDGE_TRY_STATUS(RunCompiler({.programs = context.programs,
                                .model = fetched.model,
                                .target = order.target.target,
                                .inputs = order.inputs,
                                .output_folder = output,
                                .temporary_folder = temporary,
                                .cache_folder = cache,
                                .limits = {.seconds_max = order.seconds_max},
                                .sandboxed = context.sandboxed,
                                .cancelled = &run.cancelled,
                                .log = &run.log}));
  KEDGE_TRY(const json::Value report, CheckOutputs(output / kCompiledFolder, order.target.target));
  const Path archive = scratch.path() / "result.tar.gz";
  std::vector<std::string> packed = kOutputs;
  if (!fetched.baseline.empty()) {
    KEDGE_TRY_STATUS(context.disk.WriteAtomically(output / kCompiledFolder / package::kBaselineFile,
                                                  AsBytes(fetched.baseline), 0600));
    packed.emplace_back(package::kBaselineFile);
    run.log.Line("the archive's baseline.json goes with the compiled model");
  }
  KEDGE_TRY_STATUS(PackArchive(archive, output / kCompiledFolder, packed));
  run.log.Line("storing " + order.output.Uri());
  KEDGE_TRY(const StoredFile stored,
            StoreFile(context.blobs, archive, {order.output, "application/gzip", order.key_name},
                      run.hold));
  return store::JobOutputs{.artifact_uri = order.output.Uri(),
                           .artifact_sha256 = stored.sha256,
                           .derived_inputs = DerivedInputs(report),
                           .report = KeptReport(report)};
}

}  // namespace kedge::server
