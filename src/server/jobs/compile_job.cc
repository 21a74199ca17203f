// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/compile_job.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/log.h"
#include "runtime/elf.h"
#include "server/jobs/archive.h"
#include "server/jobs/job_files.h"
#include "server/jobs/model_input.h"
#include "server/jobs/sandbox.h"

namespace kedge::server {
namespace {

constexpr uint64_t kModelBytesMax = uint64_t{2} << 30;  // protobuf's own limit for ONNX
constexpr uint64_t kReportBytesMax = 16u << 20;
constexpr uint64_t kCodeBytesMax = 256u << 20;

// What the compiler writes; the archive holds them in this order.
const std::vector<std::string> kOutputs = {"model.so", "weights.bin", "report.json"};

Result<CompileOrder> ReadOrder(const JobContext& context, const std::string& name) {
  std::string request;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto job, store::FindCompilationJob(transaction, name));
    if (!job) return NotFound("the job's row is gone");
    // Stopped between being claimed and being listed as running.
    if (job->status == store::kJobStopping) return Cancelled("the job was stopped");
    request = job->request;
    return {};
  }));
  KEDGE_TRY(const json::Value value, json::Parse(request));
  return ReadCompileOrder(value);
}

// The model as a file: the object itself, or the one .onnx in the archive that it is.
Result<Path> FetchModel(const JobContext& context, const CompileOrder& order, const Path& folder) {
  const Path object = folder / "input";
  KEDGE_TRY([[maybe_unused]] const std::string digest,
            FetchObject(context.blobs, order.input, object, kModelBytesMax));
  KEDGE_TRY(const bool is_archive, IsGzip(object));
  if (!is_archive) return object;
  const Path unpacked = folder / "unpacked";
  KEDGE_TRY_STATUS(context.disk.MakeDirectories(unpacked, 0700));
  KEDGE_TRY(const auto names,
            UnpackArchive(object, unpacked, {.files_max = 1, .file_bytes_max = kModelBytesMax}));
  if (names.size() != 1 || !names[0].ends_with(".onnx")) {
    return InvalidArgument("the archive must hold exactly one .onnx file");
  }
  return unpacked / names[0];
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
Status CheckOutputs(const Path& folder, const std::string& target) {
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
  if (const auto parsed = json::Parse(AsText(text)); !parsed || parsed->AsObject() == nullptr) {
    return Internal("the compiler's report.json is not a JSON object");
  }
  return {};
}

Result<store::CompilationEnd> Compile(const JobContext& context, const JobRun& run) {
  KEDGE_TRY(const CompileOrder order, ReadOrder(context, run.name));
  KEDGE_TRY(const TemporaryDirectory scratch, TemporaryDirectory::Make(context.scratch));
  KEDGE_TRY(const Path model, FetchModel(context, order, scratch.path()));
  const Path output = scratch.path() / "output";
  const Path cache = context.compile_cache / order.input.bucket;
  for (const Path& folder : {output, cache}) {
    KEDGE_TRY_STATUS(context.disk.MakeDirectories(folder, 0700));
  }
  KEDGE_TRY_STATUS(RunCompiler({.programs = context.programs,
                                .model = model,
                                .target = order.target.target,
                                .inputs = order.inputs,
                                .output_folder = output,
                                .cache_folder = cache,
                                .limits = {.seconds_max = order.seconds_max},
                                .sandboxed = context.sandboxed,
                                .cancelled = &run.cancelled}));
  KEDGE_TRY_STATUS(CheckOutputs(output / kCompiledFolder, order.target.target));
  const Path archive = scratch.path() / "result.tar.gz";
  KEDGE_TRY_STATUS(PackArchive(archive, output / kCompiledFolder, kOutputs));
  KEDGE_TRY(const StoredFile stored, StoreFile(context.blobs, archive, order.output));
  return store::CompilationEnd{.status = std::string(store::kJobCompleted),
                               .artifact_uri = order.output.Uri(),
                               .artifact_sha256 = stored.sha256};
}

}  // namespace

store::Work RunCompilationJob(const JobContext& context, const JobRun& run) {
  LogInfo("compilation job started", {{"job", run.name}});
  auto result = Compile(context, run);
  if (run.server_stops) return {};  // the row stays INPROGRESS: the next start runs the job again
  store::CompilationEnd end;
  if (result) {
    end = std::move(*result);
  } else if (run.cancelled || result.error().code == Code::kCancelled) {
    end.status = store::kJobStopped;
  } else {
    end.status = store::kJobFailed;
    end.failure_reason = FailureReason(result.error());
  }
  end.time = context.clock.NowMs();
  LogInfo("compilation job ended",
          {{"job", run.name}, {"status", end.status}, {"reason", end.failure_reason}});
  return [name = run.name, end](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const bool ended, store::EndCompilationJob(transaction, name, end));
    return {};
  };
}

}  // namespace kedge::server
