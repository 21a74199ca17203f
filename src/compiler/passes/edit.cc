// SPDX-License-Identifier: Apache-2.0
#include "compiler/passes/edit.h"

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
