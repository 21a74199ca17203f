// SPDX-License-Identifier: Apache-2.0
#include "compiler/passes/fuse_pad.h"

#include <algorithm>

#include "compiler/graph/uses.h"
#include "compiler/ops/slice_pad.h"
#include "compiler/passes/edit.h"

namespace kedge::compiler {
namespace {

bool TakesPadding(const Node& node) {
  if (node.op == "Conv") return true;
  return node.op == "AveragePool" && IntAttribute(node, "count_include_pad", 0) != 0 &&
         IntAttribute(node, "ceil_mode", 0) == 0;
}

bool PadsWithZero(const Graph& graph, const Node& pad) {
  if (StringAttribute(pad, "mode", "constant") != "constant") return false;
  const ValueId value = InputOf(pad, 2);
  return value == kNoValue || ConstantScalar(graph, value) == 0.0f;
}

// The pads of the spatial dimensions, begins then ends; empty if others are padded or some are cut.
std::vector<int64_t> SpatialPads(const Graph& graph, const Node& pad) {
  std::vector<Operand> operands(4);
  for (size_t i = 0; i < 4; ++i) {
    const ValueId id = InputOf(pad, i);
    if (id == kNoValue) continue;
    const Value& value = graph.at(id);
    operands[i] = {true, value.dtype, value.shape, value.constant.get()};
  }
  if (operands[1].constant == nullptr || (operands[3].present && operands[3].constant == nullptr))
    return {};
  const auto amounts = ResolvePad(operands);
  if (!amounts.has_value()) return {};
  std::vector<int64_t> pads;
  for (const auto* side : {&amounts->begin, &amounts->end}) {
    for (size_t i = 0; i < side->size(); ++i) {
      const int64_t amount = (*side)[i];
      if (amount < 0 || (i < 2 && amount != 0)) return {};
      if (i >= 2) pads.push_back(amount);
    }
  }
  return pads;
}

}  // namespace

Status FusePad(Graph& graph, const PassOptions&) {
  const Uses uses(graph);
  std::vector<bool> removed(graph.nodes.size(), false);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& pad = graph.nodes[i];
    if (pad.op != "Pad" || !PadsWithZero(graph, pad)) continue;
    const int reader = uses.OnlyConsumer(pad.outputs[0]);
    if (reader < 0) continue;
    Node& window = graph.nodes[static_cast<size_t>(reader)];
    const std::vector<int64_t> added = SpatialPads(graph, pad);
    if (!TakesPadding(window) || window.inputs[0] != pad.outputs[0] || added.empty()) continue;
    std::vector<int64_t> pads = IntsAttribute(window, "pads");
    if (pads.size() != added.size()) continue;
    for (size_t k = 0; k < pads.size(); ++k) pads[k] += added[k];
    window.attributes["pads"] = pads;
    window.inputs[0] = pad.inputs[0];
    removed[i] = true;
  }
  RemoveNodes(graph, removed);
  return {};
}

}  // namespace kedge::compiler
