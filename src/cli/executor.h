// A loaded model that commands run: in kedge-worker, or in this process if the user asks for it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "cli/model_source.h"
#include "ring/worker_process.h"
#include "tensor/tensor.h"

namespace kedge::cli {

struct RunTimes {
  uint64_t cpu_ns;  // of the process that runs the model
  uint64_t wall_ns;
};

// One thread.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual const std::vector<ring::IoInfo>& inputs() const = 0;
  virtual const std::vector<ring::IoInfo>& outputs() const = 0;
  virtual const std::string& target() const = 0;
  // CPU time from the opening of the model to its being ready, and the most memory its process had.
  virtual double load_ms() const = 0;
  virtual double resident_mb_max() const = 0;

  // Inputs in the model's order, of its types and shapes; outputs likewise.
  virtual Result<std::vector<Tensor>> Run(const std::vector<Tensor>& inputs) = 0;
  virtual Result<std::vector<RunTimes>> Bench(const std::vector<Tensor>& inputs, uint32_t warmup,
                                              uint32_t runs) = 0;
};

struct ExecutorOptions {
  bool in_process = false;
  uint32_t threads = 1;
};

// Errors: those of runtime::Model::Load or ring::WorkerProcess::Start; kDataLoss if the weights of
// a compiled folder are not those that its code was made with.
Result<std::unique_ptr<Executor>> MakeExecutor(const ModelSource& source,
                                               const ExecutorOptions& options);

// The program of that name beside this one.
Path SiblingProgram(const char* name);
// As process.cc of the kernel counts it: VmHWM of a process, in MB of 10^6 bytes; 0 if unknown.
double ResidentMbMax(pid_t pid);
// CPU time of a process so far; 0 if unknown.
uint64_t CpuNs(pid_t pid);

}  // namespace kedge::cli
