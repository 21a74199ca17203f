// Elementwise operators, alone or as a chain fused into one loop.
//
// A group is a set of nodes computed by one loop over the elements of the last one's result: every
// other node in it has a result of that same shape that only the group reads. So an intermediate
// result of the group never touches memory.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "compiler/codegen/plan_builder.h"

namespace kedge::compiler {

// The most nodes and distinct operands a group may have: source size and registers.
constexpr size_t kGroupNodesMax = 16;
constexpr size_t kGroupOperandsMax = 8;

// By node: the nodes to compute together with it, itself last, in execution order; empty for a node
// that another one computes; just itself for what is not elementwise. `taken` names the nodes that
// are lowered another way and join no group.
std::vector<std::vector<int32_t>> GroupEltwise(const Graph& graph, const std::vector<bool>& taken);

// One loop for the whole group. kUnimplemented for an element type without arithmetic.
Status LowerEltwiseGroup(const std::vector<int32_t>& group, PlanBuilder& builder);

}  // namespace kedge::compiler
