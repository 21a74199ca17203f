// ONNX backend cases: a folder with model.onnx and test_data_set_*/input_*.pb and output_*.pb.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/file.h"
#include "compiler/graph/graph.h"
#include "tensor/tensor.h"

namespace kedge::compiler {

struct OnnxCase {
  std::string name;
  Path folder;
};

// The case folders directly below `folder`, sorted by name; empty if there is none.
std::vector<OnnxCase> FindOnnxCases(const Path& folder);

// The tensors of test_data_set_0/<kind>_<i>.pb in order, kind "input" or "output". kUnimplemented
// for a sequence or strings.
Result<std::vector<Tensor>> ReadCaseTensors(const Path& folder, const std::string& kind);

// "" if every element is near (1e-3 relative and 1e-5 absolute for floats, as ONNX's own runner
// asks; equal for others), else what differs.
std::string Compare(const Tensor& got, const Tensor& want);

enum class CaseOutcome : uint8_t { kPassed, kFailed, kRefused };
struct CaseResult {
  CaseOutcome outcome = CaseOutcome::kFailed;
  std::string reason;
};

// Imports the case's model, runs it by the interpreter before the pipeline and after every pass of
// it, and compares all results with the case's outputs. Refused is kUnimplemented.
CaseResult RunCase(const Path& folder);

}  // namespace kedge::compiler
