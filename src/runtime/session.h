// The runtime's door: loads a compiled model (api/kedge_model.h), checks that this machine can run
// it, and runs it.
//
//   KEDGE_TRY(auto model, Model::Load(model_so_fd, weights_fd));
//   KEDGE_TRY(auto session, Session::Create(model, {.threads = 2}));
//   KEDGE_TRY_STATUS(session->Run(inputs, outputs));     // allocates nothing
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace kedge::runtime {

struct TensorInfo {
  std::string name;
  DType dtype;
  Shape shape;
  uint64_t bytes;  // of the row-major tensor
};

struct ModelInfo {
  std::vector<TensorInfo> inputs, outputs;
  uint64_t arena_bytes, arena_align, weights_bytes;
  std::string target, cpu_features, compiler, model_hash, weights_hash;
  std::vector<std::string> op_names;
};

// A loaded model. Immutable and thread-safe. The code and weights stay mapped while it lives.
class Model {
 public:
  virtual ~Model() = default;
  virtual const ModelInfo& info() const = 0;

  // Loads from two open files (both may be closed afterwards); weights_fd -1 for a model without
  // weights. The object is never opened by name again: the bytes that were verified are the bytes
  // that run, as long as nobody writes to the file (give a sealed memfd where that is not sure).
  // Digests are checked by whoever opened the files. Errors: kInvalidArgument if it is not a
  // compiled model or not of this ABI version, kFailedPrecondition if it is for another
  // architecture or needs CPU features that this machine lacks (both sides are named), kDataLoss if
  // weights.bin has another size than the code was made for.
  static Result<std::shared_ptr<const Model>> Load(int model_so_fd, int weights_fd);
};

constexpr uint32_t kThreadsMax = 64;

struct SessionOptions {
  uint32_t threads = 1;                   // 1..kThreadsMax
  uint64_t arena_bytes_max = UINT64_MAX;  // what the model's package allows
  uint32_t spin_us = 30;  // how long idle threads wait busily for the next op before they sleep
};

// One arena for one run at a time. Not thread-safe; several sessions may share one model.
class Session {
 public:
  virtual ~Session() = default;
  // kInvalidArgument for a number of threads outside its range, kFailedPrecondition if the model
  // asks for more than arena_bytes_max, kResourceExhausted if the arena or a thread cannot be had.
  static Result<std::unique_ptr<Session>> Create(std::shared_ptr<const Model> model,
                                                 const SessionOptions& options);

  // Runs once. `inputs` and `outputs` point to whole tensors in the model's order, of exactly
  // TensorInfo::bytes each. Allocates nothing on success. Errors: kInvalidArgument for a wrong
  // number of pointers; what the model itself reports.
  virtual Status Run(std::span<const void* const> inputs, std::span<void* const> outputs) = 0;
  // The same, recording nanoseconds per op into `op_nanoseconds` (op_names.size() entries, added
  // to).
  virtual Status RunTraced(std::span<const void* const> inputs, std::span<void* const> outputs,
                           std::span<uint64_t> op_nanoseconds) = 0;
};

// Features of this CPU as in /proc/cpuinfo ("avx2", "fma", "avx512f", ...). Empty result: all named
// features are there.
std::vector<std::string> MissingCpuFeatures(const std::string& space_separated);
// The best target that this machine runs: "x86-64-v4", "x86-64-v3", "x86-64-v2" or "aarch64".
std::string NativeTarget();

}  // namespace kedge::runtime
