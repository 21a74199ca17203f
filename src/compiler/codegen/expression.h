// Elementwise operators as C++ expressions over their operands: the one expression printer.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/graph/graph.h"

namespace kedge::compiler {

// The operator has an expression: its result's element depends on the operands' elements at one
// (broadcast) index only.
bool IsEltwise(const Node& node);

// One operand: an expression of the type ComputeType(dtype), empty if the input is absent.
struct Argument {
  std::string text;
  DType dtype = DType::kF32;
};

// An expression that converts to ElementType(result). Names functions of kernels/elementary.h.
// kUnimplemented naming the node for an operator or element type without one.
Result<std::string> PrintExpression(const Node& node, const Graph& graph,
                                    const std::vector<Argument>& arguments, DType result);

// The activation that fusion put on a node (kedge.activation), applied to the float `x`; just `x`
// without one.
std::string PrintActivation(const Node& node, const std::string& x);

}  // namespace kedge::compiler
