// report.json: what a compilation made.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/json/json.h"
#include "compiler/codegen/plan.h"
#include "compiler/codegen/toolchain.h"
#include "compiler/target/target.h"

namespace kedge::compiler {

struct Sizes {
  uint64_t code_bytes = 0;    // machine code
  uint64_t object_bytes = 0;  // model.so
};

// Members: inputs, outputs ([{name, dtype, shape, bytes}]), target, cpu_features, compiler,
// model_hash, weights_hash, arena_bytes, weights_bytes, code_bytes, object_bytes, kernels,
// kernels_compiled, generic_nodes, nodes ([{name, op, kernel}]), steps ([{kernel, tasks, nodes}]).
// The caller adds seconds.
json::Object MakeReport(const Graph& graph, const Target& target, const Plan& plan,
                        const Sizes& sizes, const BuildCounts& counts);

// "kedge-compile 0.1.0".
std::string CompilerVersion();

}  // namespace kedge::compiler
