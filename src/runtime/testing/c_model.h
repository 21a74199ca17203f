// Compiled models for tests: a few lines of C, built with clang into a real shared object, so that
// tests of the runtime, the worker and the agent need no compiler of ours and can be as hostile as
// they like.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/file.h"

namespace kedge::runtime::testing {

// What a test model is made of. The source is wrapped in a description with one f32 input "x" and
// one f32 output "y" of `elements` each.
struct CModel {
  // The body of kedge_model_run(host, weights, in, out, arena, message, message_bytes), after
  // `const float* x` and `float* y` were declared.
  std::string run_body = "for (int i = 0; i < ELEMENTS; ++i) y[i] = 2 * x[i] + 1; return 0;";
  std::string before_run;  // functions and constants; api/kedge_model.h and syscall6() are there
  int64_t elements = 4;
  std::string arena_bytes = "64";
  std::string weights_bytes = "0";
  std::string cpu_features;
  std::string target = "x86-64-v2";
  std::string info_override;  // statements that change the description: "info.abi = 2;"
  std::vector<std::string> clang_arguments;
};

// The C source of the whole object.
std::string Source(const CModel& model);
// Builds `model.so` in `directory`, and `weights.bin` with `weights` if there are any.
Status Build(const CModel& model, const Path& directory, Bytes weights = {});
// Builds it in a temporary directory and opens it: all that a loader needs.
Result<FileDescriptor> BuildObject(const CModel& model);

}  // namespace kedge::runtime::testing
