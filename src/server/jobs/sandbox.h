// kedge-compile in a sandbox: bubblewrap with all namespaces (no network, no other processes), the
// toolchain and its libraries read-only, nothing of the machine's but that, an empty /tmp of
// limited size, limits on CPU, memory and file size, and a deadline. What it writes is hostile
// input to us.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "server/jobs/job_log.h"

namespace kedge::server {

struct SandboxLimits {
  int64_t seconds_max = 900;                       // wall; CPU is twice that, for two threads
  uint64_t memory_bytes_max = uint64_t{16} << 30;  // address space of each process
  uint64_t file_bytes_max = uint64_t{4} << 30;     // of each file it writes
  uint64_t scratch_bytes_max = uint64_t{2} << 30;  // of its /tmp
};

// Where the compiler leaves its files, below the output folder: it replaces its folder as a whole,
// which it could not do with a mount point.
constexpr const char* kCompiledFolder = "compiled";

struct CompileCommand {
  Path programs;  // the folder that holds kedge-compile
  Path model;     // read-only inside
  std::string target;
  std::vector<std::string> inputs;  // "name=1x3x224x224"
  Path output_folder;               // writable; gets kCompiledFolder
  Path temporary_folder;            // the compiler's $TMPDIR where there is no sandbox with its own
  Path cache_folder;                // writable, kept
  SandboxLimits limits;
  bool sandboxed = true;  // false only where the operator asked for it
  const std::atomic<bool>* cancelled = nullptr;
  JobLog* log = nullptr;  // gets what the compiler says; may be null
};

// Runs the compiler to its end. Errors: kInvalidArgument with the compiler's own sentence (the
// model is at fault), kDeadlineExceeded, kCancelled, kResourceExhausted (a signal ended it: a limit
// or a crash), kFailedPrecondition if this machine cannot make the sandbox.
Status RunCompiler(const CompileCommand& command);

}  // namespace kedge::server
