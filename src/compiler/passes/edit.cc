// SPDX-License-Identifier: Apache-2.0
#include "compiler/passes/edit.h"

#include <algorithm>

namespace kedge::compiler {

void RemoveNodes(Graph& graph, const std::vector<bool>& removed) {
  size_t kept = 0;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (removed[i]) continue;
    if (kept != i) graph.nodes[kept] = std::move(graph.nodes[i]);
    ++kept;
  }
  graph.nodes.resize(kept);
}

bool BypassNode(Graph& graph, const Node& node, ValueId to) {
  const ValueId from = node.outputs[0];
  const auto is_output = [&graph](ValueId id) {
    return std::find(graph.outputs.begin(), graph.outputs.end(), id) != graph.outputs.end();
  };
  if (!is_output(from)) {
    graph.ReplaceUses(from, to);
    return true;
  }
  const int maker = graph.Producer(to);
  if (maker < 0 || is_output(to)) return false;
  Node& producer = graph.nodes[static_cast<size_t>(maker)];
  std::replace(producer.outputs.begin(), producer.outputs.end(), to, from);
  graph.ReplaceUses(to, from);
  return true;
}

ValueId AddLike(Graph& graph, ValueId named, const std::string& suffix, DType dtype, Shape shape) {
  return graph.AddValue(graph.at(named).name + suffix, dtype, std::move(shape));
}

std::optional<float> ConstantScalar(const Graph& graph, ValueId id) {
  if (!graph.IsConstant(id)) return std::nullopt;
  const Tensor& tensor = *graph.at(id).constant;
  if (tensor.elements() != 1 || !IsFloat(tensor.dtype())) return std::nullopt;
  return static_cast<float>(ElementAsDouble(tensor, 0));
}

}  // namespace kedge::compiler
