// SPDX-License-Identifier: Apache-2.0
#include "cli/executor.h"

#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto/crypto.h"
#include "base/subprocess.h"
#include "runtime/session.h"

namespace kedge::cli {

namespace {

uint64_t Now(clockid_t clock) {
  timespec now{};
  if (::clock_gettime(clock, &now) != 0) return 0;
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

double Milliseconds(uint64_t ns) { return static_cast<double>(ns) / 1e6; }

std::vector<Tensor> Allocate(const std::vector<ring::IoInfo>& tensors) {
  std::vector<Tensor> result;
  for (const ring::IoInfo& tensor : tensors) result.emplace_back(tensor.dtype, tensor.shape);
  return result;
}

class WorkerExecutor final : public Executor {
 public:
  WorkerExecutor(std::unique_ptr<ring::WorkerProcess> worker, double load_ms)
      : worker_(std::move(worker)), load_ms_(load_ms) {}
  const std::vector<ring::IoInfo>& inputs() const override { return worker_->inputs(); }
  const std::vector<ring::IoInfo>& outputs() const override { return worker_->outputs(); }
  const std::string& target() const override { return worker_->target(); }
  double load_ms() const override { return load_ms_; }
  double resident_mb_max() const override { return ResidentMbMax(worker_->pid()); }

  Result<std::vector<Tensor>> Run(const std::vector<Tensor>& inputs) override {
    std::vector<Tensor> outputs = Allocate(worker_->outputs());
    std::vector<std::span<uint8_t>> to;
    for (Tensor& output : outputs) to.push_back(output.mutable_bytes());
    KEDGE_TRY_STATUS(worker_->Run(BytesOf(inputs), to));
    return outputs;
  }

  Result<std::vector<RunTimes>> Bench(const std::vector<Tensor>& inputs, uint32_t warmup,
                                      uint32_t runs) override {
    KEDGE_TRY(const auto times, worker_->Bench(BytesOf(inputs), warmup, runs));
    std::vector<RunTimes> result;
    for (const auto& run : times) result.push_back({.cpu_ns = run.cpu_ns, .wall_ns = run.wall_ns});
    return result;
  }

 private:
  static std::vector<Bytes> BytesOf(const std::vector<Tensor>& tensors) {
    std::vector<Bytes> bytes;
    for (const Tensor& tensor : tensors) bytes.push_back(tensor.bytes());
    return bytes;
  }

  std::unique_ptr<ring::WorkerProcess> worker_;
  double load_ms_;
};

class InProcessExecutor final : public Executor {
 public:
  InProcessExecutor(const runtime::ModelInfo& info, std::unique_ptr<runtime::Session> session,
                    double load_ms)
      : inputs_(Describe(info.inputs)),
        outputs_(Describe(info.outputs)),
        target_(info.target),
        session_(std::move(session)),
        load_ms_(load_ms) {}
  const std::vector<ring::IoInfo>& inputs() const override { return inputs_; }
  const std::vector<ring::IoInfo>& outputs() const override { return outputs_; }
  const std::string& target() const override { return target_; }
  double load_ms() const override { return load_ms_; }
  double resident_mb_max() const override { return ResidentMbMax(::getpid()); }

  Result<std::vector<Tensor>> Run(const std::vector<Tensor>& inputs) override {
    std::vector<Tensor> outputs = Allocate(outputs_);
    const Pointers pointers = PointersTo(inputs, outputs);
    KEDGE_TRY_STATUS(session_->Run(pointers.inputs, pointers.outputs));
    return outputs;
  }

  Result<std::vector<RunTimes>> Bench(const std::vector<Tensor>& inputs, uint32_t warmup,
                                      uint32_t runs) override {
    std::vector<Tensor> outputs = Allocate(outputs_);
    const Pointers pointers = PointersTo(inputs, outputs);
    std::vector<RunTimes> times;
    times.reserve(runs);
    for (uint64_t i = 0; i < uint64_t{warmup} + runs; ++i) {
      const uint64_t cpu_ns = Now(CLOCK_PROCESS_CPUTIME_ID);
      const uint64_t wall_ns = Now(CLOCK_MONOTONIC);
      KEDGE_TRY_STATUS(session_->Run(pointers.inputs, pointers.outputs));
      const uint64_t wall_end_ns = Now(CLOCK_MONOTONIC);
      if (i >= warmup) {
        times.push_back(
            {.cpu_ns = Now(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns, .wall_ns = wall_end_ns - wall_ns});
      }
    }
    return times;
  }

 private:
  struct Pointers {
    std::vector<const void*> inputs;
    std::vector<void*> outputs;
  };
  static Pointers PointersTo(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs) {
    Pointers pointers;
    for (const Tensor& input : inputs) pointers.inputs.push_back(input.bytes().data());
    for (Tensor& output : outputs) pointers.outputs.push_back(output.mutable_bytes().data());
    return pointers;
  }
  static std::vector<ring::IoInfo> Describe(const std::vector<runtime::TensorInfo>& tensors) {
    std::vector<ring::IoInfo> result;
    for (const auto& tensor : tensors)
      result.push_back({tensor.name, tensor.dtype, tensor.shape, tensor.bytes});
    return result;
  }

  std::vector<ring::IoInfo> inputs_, outputs_;
  std::string target_;
  std::unique_ptr<runtime::Session> session_;
  double load_ms_;
};

// In a package the signed digests cover both files; in a folder only this ties them together.
Status CheckWeights(const ModelSource& source, const std::string& weights_hash) {
  if (source.verified || !source.weights.valid()) return {};
  struct stat status{};
  if (::fstat(source.weights.get(), &status) != 0) return ErrnoError(errno, "weights.bin");
  if (status.st_size == 0) return {};  // a model without weights; the runtime checks the size
  KEDGE_TRY(const MappedFile weights, MappedFile::Map(source.weights.get()));
  if (crypto::Sha256Hex(weights.bytes()) == weights_hash) return {};
  return DataLoss("weights.bin is not the one that model.so was made with");
}

}  // namespace

Path SiblingProgram(const char* name) { return ExecutableDirectory() / name; }

double ResidentMbMax(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("VmHWM:"))
      return static_cast<double>(std::strtoull(line.c_str() + 6, nullptr, 10)) * 1024 / 1e6;
  }
  return 0;
}

uint64_t CpuNs(pid_t pid) {
  clockid_t clock{};
  return ::clock_getcpuclockid(pid, &clock) == 0 ? Now(clock) : 0;
}

Result<std::unique_ptr<Executor>> MakeExecutor(const ModelSource& source,
                                               const ExecutorOptions& options) {
  const int weights = source.weights.valid() ? source.weights.get() : -1;
  if (options.in_process) {
    const uint64_t start_ns = Now(CLOCK_PROCESS_CPUTIME_ID);
    KEDGE_TRY(const auto model, runtime::Model::Load(source.model_so.get(), weights));
    KEDGE_TRY(auto session,
              runtime::Session::Create(
                  model, {.threads = options.threads, .arena_bytes_max = source.arena_bytes_max}));
    const double load_ms = Milliseconds(Now(CLOCK_PROCESS_CPUTIME_ID) - start_ns);
    KEDGE_TRY_STATUS(CheckWeights(source, model->info().weights_hash));
    return std::unique_ptr<Executor>(
        std::make_unique<InProcessExecutor>(model->info(), std::move(session), load_ms));
  }
  KEDGE_TRY(auto worker, ring::WorkerProcess::Start({.program = SiblingProgram("kedge-worker"),
                                                     .model_so_fd = source.model_so.get(),
                                                     .weights_fd = weights,
                                                     .threads = options.threads,
                                                     .arena_bytes_max = source.arena_bytes_max}));
  const double load_ms = Milliseconds(CpuNs(worker->pid()));
  KEDGE_TRY_STATUS(CheckWeights(source, worker->weights_hash()));
  return std::unique_ptr<Executor>(std::make_unique<WorkerExecutor>(std::move(worker), load_ms));
}

}  // namespace kedge::cli
