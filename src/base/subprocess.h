// Other programs as subprocesses: their output is captured up to a limit, they end by a deadline,
// and they die with us.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace kedge {

struct SubprocessOptions {
  std::vector<std::string>
      arguments;  // arguments[0] is the program: a path, or a name looked up in PATH
  std::vector<std::pair<std::string, std::string>> environment;  // added to ours
  bool clear_environment = false;                                // start from an empty one
  Path working_directory;                                        // ours if empty
  std::vector<std::pair<int, int>>
      descriptors;                       // {ours, the child's}; all others but 0, 1, 2 are closed
  std::chrono::milliseconds timeout{0};  // SIGKILL to its process group after this; 0: none
  size_t output_bytes_max = 1u << 20;  // of each of stdout and stderr; the rest is read and dropped
  bool inherit_output = false;         // the child writes to our stdout and stderr instead
  // Called with each piece of stdout and stderr as it comes, all of it, on the calling thread.
  std::function<void(std::string_view)> on_output;
  const std::atomic<bool>* cancelled =
      nullptr;  // borrowed; set from another thread: SIGKILL to its process group
};

struct SubprocessResult {
  int exit_code = -1;  // 128 + signal if a signal ended it
  int signal = 0;      // the signal, or 0
  bool timed_out = false;
  bool was_cancelled = false;
  std::string output;  // stdout
  std::string errors;  // stderr
};

// Runs a program to its end. Errors only if it could not be started (kNotFound, kPermissionDenied,
// kResourceExhausted); how it ended stands in the result. Thread-safe.
Result<SubprocessResult> RunSubprocess(const SubprocessOptions& options);

// Starts a program and returns its process id; the caller reaps it. stdout and stderr are ours
// unless given in `descriptors`. The child gets SIGKILL when the starting thread ends.
Result<pid_t> StartSubprocess(const SubprocessOptions& options);

// Directory of the running executable: where the sibling programs of the same build are.
Path ExecutableDirectory();

}  // namespace kedge
