// The one translation unit of a compiled model that is no kernel: the tables behind
// kedge_model_query and the calls behind kedge_model_run (api/kedge_model.h).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "compiler/codegen/plan.h"
#include "compiler/target/target.h"

namespace kedge::compiler {

struct ModelIdentity {
  std::string compiler;      // "kedge-compile 0.1.0"
  std::string model_hash;    // hexadecimal
  std::string weights_hash;  // hexadecimal; empty without weights
};

// `kernels` has the function name of each step. Text of the model (names of inputs and outputs)
// goes in as lists of bytes.
std::string WriteModelSource(const Graph& graph, const Target& target, const Plan& plan,
                             const std::vector<std::string>& kernels,
                             const ModelIdentity& identity);

}  // namespace kedge::compiler
