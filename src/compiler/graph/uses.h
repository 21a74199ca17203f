// Who makes and who reads each value of a graph: the table a pass builds once instead of searching.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "compiler/graph/graph.h"

namespace kedge::compiler {

// A snapshot: it does not follow changes of the graph.
struct Uses {
  std::vector<int> producer;  // by value: index of the node that makes it, or -1
  std::vector<std::vector<int>>
      consumers;                // by value: the nodes that read it, once for each input that does
  std::vector<bool> is_output;  // by value: it is a graph output

  explicit Uses(const Graph& graph);

  // The only reader of a value: the node's index, or -1 if it is a graph output or has none or
  // several readers.
  int OnlyConsumer(ValueId id) const;
};

}  // namespace kedge::compiler
