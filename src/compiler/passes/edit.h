// What passes share for changing a graph.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "compiler/graph/graph.h"
#include "compiler/graph/uses.h"

namespace kedge::compiler {

// Removes the nodes that are marked; the others keep their order.
void RemoveNodes(Graph& graph, const std::vector<bool>& removed);

// Appends a value of this type named after another one.
ValueId AddLike(Graph& graph, ValueId named, const std::string& suffix, DType dtype, Shape shape);

// The one element of a constant float scalar (or a tensor of one element); nothing otherwise.
std::optional<float> ConstantScalar(const Graph& graph, ValueId id);

}  // namespace kedge::compiler
