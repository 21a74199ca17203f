// The reference interpreter: naive, double accumulation for floats, exact for integers, one
// function per operator. It folds constants and is what compiled code is compared with.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "compiler/graph/graph.h"

namespace kedge::compiler {

// The node's outputs for inputs (null where absent). An epilogue is applied in double before the
// result is rounded, but after op and residual were rounded once each. Errors: what the operator's
// rule says (kInvalidArgument, kUnimplemented), kResourceExhausted if an output needs more than
// output_bytes_max bytes; they name the node.
Result<std::vector<Tensor>> Evaluate(const Node& node, std::span<const Tensor* const> inputs,
                                     int64_t output_bytes_max = int64_t{4} << 30);

// Runs the whole graph. `inputs` stand in the graph's order. Values die after their last use.
Result<std::vector<Tensor>> RunGraph(const Graph& graph, std::span<const Tensor> inputs);

}  // namespace kedge::compiler
