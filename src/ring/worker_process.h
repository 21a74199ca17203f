// A model in its sandboxed process, seen from outside: starts `kedge-worker`, hands it the model
// and a sealed shared-memory ring by descriptor, and passes requests through the ring. Used by the
// agent and by `kedge run|bench`.
//
// Docs: ring.h has the layout of the ring and who may write what.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <sys/types.h>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace kedge::ring {

// Sanitizer runtimes need memory and system calls that the sandbox denies: builds with them cannot
// have one, and their tests run models without it.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define KEDGE_SANITIZER_RUNTIME 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    defined(KEDGE_SANITIZER_RUNTIME)
inline constexpr bool kSandboxPossible = false;
#else
inline constexpr bool kSandboxPossible = true;
#endif

constexpr uint32_t kWaitersMax = 64;  // runs that wait for a slot; more are kResourceExhausted

// What the sandbox gave, shown in status. A filter that cannot be set is an error unless
// `sandbox_required` is false.
struct SandboxLevel {
  bool seccomp = false;   // nothing but memory, futex and the clock
  bool landlock = false;  // no file; a kernel without Landlock is no error, seccomp denies the same
  bool rlimits = false;
  bool no_new_privileges = false;
  std::string Text() const;  // "full", or what is missing: "no-landlock"
};

struct WorkerOptions {
  Path program;          // kedge-worker
  int model_so_fd = -1;  // borrowed; the worker gets duplicates
  int weights_fd = -1;   // -1: none
  uint32_t threads = 1;
  uint64_t memory_bytes_max = uint64_t{4} << 30;  // RLIMIT_AS of the worker
  uint64_t arena_bytes_max = UINT64_MAX;          // as TargetEntry::arena_bytes_max of its package
  std::chrono::milliseconds load_timeout{10'000};
  std::chrono::milliseconds run_timeout{30'000};  // a run that takes longer: the worker is killed
  uint32_t spin_us = 20;                          // busy waiting before a futex sleep, both sides
  bool sandbox_required = kSandboxPossible;
};

struct IoInfo {
  std::string name;
  DType dtype;
  Shape shape;
  uint64_t bytes;
};

// One worker process. Thread-safe: concurrent runs queue on the ring's slots.
class WorkerProcess {
 public:
  virtual ~WorkerProcess() = default;  // kills and reaps the process

  // Starts the worker and waits until it is ready.
  // Errors: those of runtime::Model::Load as the worker reported them; kDeadlineExceeded;
  // kFailedPrecondition if the sandbox could not be set up and is required; kUnavailable if it died
  // while loading (with its last words).
  static Result<std::unique_ptr<WorkerProcess>> Start(const WorkerOptions& options);

  virtual const std::vector<IoInfo>& inputs() const = 0;
  virtual const std::vector<IoInfo>& outputs() const = 0;
  virtual const std::string& target() const = 0;
  // SHA-256 that the code says its weights.bin has, hexadecimal; empty without weights. Nobody here
  // has checked it.
  virtual const std::string& weights_hash() const = 0;
  virtual const SandboxLevel& sandbox() const = 0;
  virtual pid_t pid() const = 0;

  // Runs once: copies the inputs into a slot of the ring, waits, copies the outputs out. Sizes must
  // match IoInfo::bytes. Errors: kInvalidArgument for sizes; the model's own; kDeadlineExceeded
  // (the worker was killed); kUnavailable if the worker died (it must be started anew);
  // kResourceExhausted if kWaitersMax runs wait already. The time limit counts from when the run
  // before it was done.
  virtual Status Run(std::span<const Bytes> inputs,
                     std::span<const std::span<uint8_t>> outputs) = 0;

  // Times inside the worker, for `kedge bench`: runs `warmup` and then `runs` times on the tensors
  // given and returns for each of the latter the CPU time of the worker's process and the wall time
  // in nanoseconds. Errors as Run(). Not beside Run() of other threads: those would wait for longer
  // than their time limit.
  struct BenchRun {
    uint64_t cpu_ns;
    uint64_t wall_ns;
  };
  virtual Result<std::vector<BenchRun>> Bench(std::span<const Bytes> inputs, uint32_t warmup,
                                              uint32_t runs) = 0;

  // False once the process has ended. `exit_text()` then says how ("killed by signal 11").
  virtual bool alive() = 0;
  virtual std::string exit_text() = 0;
  // True if this side killed it, because a run passed its time or the ring's protocol was broken:
  // the model's fault, unlike a kill by somebody else. Constant once alive() is false.
  virtual bool killed_by_host() = 0;
};

}  // namespace kedge::ring
