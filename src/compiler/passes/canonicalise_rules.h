// The rules of pass canonicalise by family. Each rule appends what the node becomes to `out`; a
// node that changes nothing becomes an Identity, which the pass then removes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "compiler/graph/graph.h"

namespace kedge::compiler {

using CanonicalRule = void (*)(Graph& graph, Node node, std::vector<Node>& out);

// Null for an operator whose form is always canonical.
CanonicalRule FindViewRule(std::string_view op);     // views, copies that may change nothing
CanonicalRule FindWindowRule(std::string_view op);   // convolutions, pools, reductions
CanonicalRule FindProductRule(std::string_view op);  // products, n-ary sums, batch normalisation

// The node as an Identity of its first input.
Node AsIdentity(Node node);
// A Reshape of `from` that makes `to`, whose shape is known.
Node MakeReshape(Graph& graph, const Node& like, ValueId from, ValueId to);

}  // namespace kedge::compiler
