// SPDX-License-Identifier: Apache-2.0
#include "compiler/passes/remove_dead_nodes.h"

#include <algorithm>

#include "compiler/passes/edit.h"

namespace kedge::compiler {

Status RemoveDeadNodes(Graph& graph, const PassOptions&) {
  std::vector<bool> live(graph.values.size(), false);
  for (ValueId id : graph.outputs) live[static_cast<size_t>(id)] = true;
  std::vector<bool> dead(graph.nodes.size(), false);
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[i];
    dead[i] = std::none_of(node.outputs.begin(), node.outputs.end(), [&](ValueId id) {
      return id != kNoValue && live[static_cast<size_t>(id)];
    });
    if (dead[i]) continue;
    for (ValueId id : node.inputs) {
      if (id != kNoValue) live[static_cast<size_t>(id)] = true;
    }
  }
  RemoveNodes(graph, dead);
  for (size_t i = 0; i < live.size(); ++i) {
    if (!live[i]) graph.values[i].constant.reset();
  }
  return {};
}

}  // namespace kedge::compiler
