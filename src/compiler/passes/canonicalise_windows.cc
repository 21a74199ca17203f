// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "compiler/ops/window.h"
#include "compiler/passes/canonicalise_rules.h"
#include "compiler/passes/edit.h"

namespace kedge::compiler {
namespace {

std::vector<int64_t> Spatial(const Graph& graph, ValueId id) {
  const std::vector<int64_t>& dims = graph.at(id).shape.dims;
  return {dims.begin() + 2, dims.end()};
}

void WriteWindow(Node& node, const Window& window) {
  node.attributes["kernel_shape"] = window.kernel;
  node.attributes["strides"] = window.strides;
  node.attributes["dilations"] = window.dilations;
  node.attributes["pads"] = JoinedPads(window);
  node.attributes.erase("auto_pad");
}

void Conv(Graph& graph, Node node, std::vector<Node>& out) {
  const auto window =
      ResolveWindow(node, Spatial(graph, node.inputs[0]), Spatial(graph, node.inputs[1]));
  KEDGE_CHECK(window.has_value());  // inference has resolved it
  WriteWindow(node, *window);
  node.attributes["group"] = IntAttribute(node, "group", 1);
  out.push_back(std::move(node));
}

void ConvTranspose(Graph& graph, Node node, std::vector<Node>& out) {
  const auto resolved =
      ResolveTransposedWindow(node, Spatial(graph, node.inputs[0]), Spatial(graph, node.inputs[1]));
  KEDGE_CHECK(resolved.has_value());
  WriteWindow(node, resolved->window);
  node.attributes["group"] = IntAttribute(node, "group", 1);
  node.attributes["output_padding"] = resolved->output_padding;
  node.attributes.erase("output_shape");
  out.push_back(std::move(node));
}

// With ceil_mode the last window may reach past the padding; pads that reach as far say the same.
// An average that counts its padding counts only what was asked for, so there it stays.
void Pool(Graph& graph, Node node, std::vector<Node>& out) {
  const std::vector<int64_t> input = Spatial(graph, node.inputs[0]);
  auto window = ResolveWindow(node, input);
  KEDGE_CHECK(window.has_value());
  if (IntAttribute(node, "count_include_pad", 0) == 0) {
    for (size_t i = 0; i < input.size(); ++i) {
      const int64_t extent = window->dilations[i] * (window->kernel[i] - 1) + 1;
      const int64_t reach = (window->output[i] - 1) * window->strides[i] + extent;
      window->pads_end[i] = std::max(window->pads_end[i], reach - input[i] - window->pads_begin[i]);
    }
    node.attributes.erase("ceil_mode");
  }
  WriteWindow(node, *window);
  out.push_back(std::move(node));
}

// A mean over exactly the spatial dimensions is a global pool.
bool IsGlobalAverage(const Graph& graph, const Node& node, const std::vector<int64_t>& axes) {
  const Value& x = graph.at(node.inputs[0]);
  if (node.op != "ReduceMean" || !IsFloat(x.dtype) || x.shape.rank() != 4) return false;
  return axes == std::vector<int64_t>{2, 3};
}

void Reduce(Graph& graph, Node node, std::vector<Node>& out) {
  const ValueId given = InputOf(node, 1);
  if (given != kNoValue && !graph.IsConstant(given)) return out.push_back(std::move(node));
  const auto rank = static_cast<int64_t>(graph.at(node.inputs[0]).shape.rank());
  std::vector<int64_t> axes =
      given == kNoValue ? std::vector<int64_t>{} : ConstantIndices(graph, given);
  if (axes.empty() && IntAttribute(node, "noop_with_empty_axes", 0) != 0)
    return out.push_back(std::move(node));
  for (int64_t& axis : axes) axis += axis < 0 ? rank : 0;
  std::sort(axes.begin(), axes.end());
  if (axes.empty()) {
    for (int64_t i = 0; i < rank; ++i) axes.push_back(i);
  }
  const bool keep = IntAttribute(node, "keepdims", 1) != 0;
  if (IsGlobalAverage(graph, node, axes)) {
    const Value x = graph.at(node.inputs[0]);
    Node pool{.op = "GlobalAveragePool",
              .name = node.name,
              .inputs = {node.inputs[0]},
              .outputs = node.outputs};
    if (!keep) {
      pool.outputs = {
          AddLike(graph, node.outputs[0], ".pool", x.dtype, Shape{x.shape[0], x.shape[1], 1, 1})};
    }
    out.push_back(pool);
    if (!keep) out.push_back(MakeReshape(graph, node, pool.outputs[0], node.outputs[0]));
    return;
  }
  node.inputs = {node.inputs[0], graph.AddIndices("axes", axes)};
  node.attributes = {{"keepdims", int64_t{keep}}};
  out.push_back(std::move(node));
}

}  // namespace

CanonicalRule FindWindowRule(std::string_view op) {
  if (op == "Conv") return Conv;
  if (op == "ConvTranspose") return ConvTranspose;
  if (op == "MaxPool" || op == "AveragePool" || op == "LpPool") return Pool;
  return op.starts_with("Reduce") ? Reduce : nullptr;
}

}  // namespace kedge::compiler
