// SPDX-License-Identifier: Apache-2.0
#include "compiler/passes/fold_constants.h"

#include <algorithm>

#include "compiler/graph/uses.h"
#include "compiler/ops/interpreter.h"
#include "compiler/ops/op.h"
#include "compiler/passes/edit.h"

namespace kedge::compiler {
namespace {

bool IsFoldable(const Graph& graph, const Node& node, double work_max) {
  const bool constant = std::all_of(node.inputs.begin(), node.inputs.end(), [&](ValueId id) {
    return id == kNoValue || graph.IsConstant(id);
  });
  if (node.op == "EyeLike") return true;  // looks at its input's shape only
  if (!constant) return false;
  const Family family = FindOp(node.op)->family;
  if (family != Family::kWindow && family != Family::kMatMul) return true;
  double work = static_cast<double>(graph.at(node.outputs[0]).shape.elements());
  for (ValueId id : node.inputs) {
    if (id != kNoValue) work *= static_cast<double>(graph.at(id).shape.elements());
  }
  for (int64_t size : IntsAttribute(node, "kernel_shape")) work *= static_cast<double>(size);
  return work < work_max;
}

}  // namespace

Status FoldConstants(Graph& graph, const PassOptions& options) {
  std::vector<bool> folded(graph.nodes.size(), false);
  Uses uses(graph);
  std::vector<size_t> readers_left(graph.values.size());
  for (size_t i = 0; i < readers_left.size(); ++i)
    readers_left[i] = uses.consumers[i].size() + (uses.is_output[i] ? 1 : 0);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (!IsFoldable(graph, node, options.fold_work_max)) continue;
    const Tensor shaped = node.op == "EyeLike" ? Tensor(graph.at(node.inputs[0]).dtype,
                                                        graph.at(node.inputs[0]).shape)
                                               : Tensor();
    std::vector<const Tensor*> inputs;
    for (ValueId id : node.inputs) {
      inputs.push_back(id == kNoValue         ? nullptr
                       : node.op == "EyeLike" ? &shaped
                                              : graph.at(id).constant.get());
    }
    KEDGE_TRY(std::vector<Tensor> outputs, Evaluate(node, inputs));
    for (size_t k = 0; k < node.outputs.size(); ++k) {
      if (node.outputs[k] == kNoValue) continue;
      graph.at(node.outputs[k]).constant = std::make_shared<const Tensor>(std::move(outputs[k]));
    }
    folded[i] = true;
    // A weight of half a gigabyte must not stay beside its folded form. Its value stays, without
    // readers.
    for (ValueId id : node.inputs) {
      if (id != kNoValue && --readers_left[static_cast<size_t>(id)] == 0)
        graph.at(id).constant.reset();
    }
  }
  RemoveNodes(graph, folded);
  return {};
}

}  // namespace kedge::compiler
