// SPDX-License-Identifier: Apache-2.0
#include "compiler/graph/uses.h"

namespace kedge::compiler {

Uses::Uses(const Graph& graph)
    : producer(graph.values.size(), -1),
      consumers(graph.values.size()),
      is_output(graph.values.size(), false) {
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    for (ValueId id : graph.nodes[i].outputs) {
      if (id != kNoValue) producer[static_cast<size_t>(id)] = static_cast<int>(i);
    }
    for (ValueId id : graph.nodes[i].inputs) {
      if (id != kNoValue) consumers[static_cast<size_t>(id)].push_back(static_cast<int>(i));
    }
  }
  for (ValueId id : graph.outputs) is_output[static_cast<size_t>(id)] = true;
}

int Uses::OnlyConsumer(ValueId id) const {
  const auto index = static_cast<size_t>(id);
  if (is_output[index] || consumers[index].size() != 1) return -1;
  return consumers[index][0];
}

}  // namespace kedge::compiler
