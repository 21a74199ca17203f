// One case of ONNX's backend tests: a folder with model.onnx and folders test_data_set_<n> of
// input_<i>.pb and output_<i>.pb.
//
// The model is compiled by kedge-compile into a temporary folder and only that compiled object
// runs: in kedge-worker for a target of this machine, else as kedge-model-run under an emulator.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/file.h"
#include "cli/compare.h"

namespace kedge::cli {

struct ConformOptions {
  std::string target;  // "native" or a name
  // kedge-model-run for a target that this machine cannot run, with the words before it:
  // {"qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", ".../kedge-model-run"}. Empty: runs in
  // kedge-worker.
  std::vector<std::string> runner;
  Tolerance tolerance;
  int64_t threads = 1;
  int64_t timeout_s = 600;  // of the compiler, and of each run
};

enum class Verdict { kPass, kFail, kRefused };

struct CaseResult {
  std::string name;  // of the folder
  Verdict verdict = Verdict::kFail;
  std::string reason;  // empty for kPass
};

constexpr size_t kCasesMax = 100'000;

// The case folders below the paths given (a path may be one itself), sorted. kNotFound for a path
// that is not there or has none.
Result<std::vector<Path>> FindCases(const std::vector<std::string>& paths);

// Thread-safe.
CaseResult RunCase(const Path& folder, const ConformOptions& options);

// "PASS", "FAIL", "REFUSED".
const char* VerdictName(Verdict verdict);

}  // namespace kedge::cli
