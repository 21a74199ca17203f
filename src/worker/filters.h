// The two system call filters of a worker. Both are allow-lists; any other call ends the process
// with SIGSYS. Calls of another architecture's table (32-bit, x32) do so too.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"

namespace kedge::worker {

// Filter 1, while the model is loaded and the threads are made: memory, reading files (which ones,
// Landlock says), threads, the other filter. No network, no program, no process, no writing, no
// debugging. kFailedPrecondition if the kernel refuses it.
Status SetLoadingFilter();

// Filter 2, while the model runs, on all threads: memory without execution, futex, the clock, last
// words to standard error, the end. Eleven calls.
Status SetRunningFilter();

}  // namespace kedge::worker
