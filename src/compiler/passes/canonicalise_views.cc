// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "compiler/passes/canonicalise_rules.h"

namespace kedge::compiler {

Node AsIdentity(Node node) {
  node.op = "Identity";
  node.attributes.clear();
  node.inputs.resize(1);
  node.outputs.resize(1);
  return node;
}

Node MakeReshape(Graph& graph, const Node& like, ValueId from, ValueId to) {
  const std::vector<int64_t> dims = graph.at(to).shape.dims;
  Node node{.op = "Reshape",
            .name = like.name,
            .inputs = {from, graph.AddIndices("shape", dims)},
            .outputs = {to}};
  if (std::find(dims.begin(), dims.end(), 0) != dims.end())
    node.attributes["allowzero"] = int64_t{1};
  return node;
}

namespace {

bool KeepsShape(const Graph& graph, const Node& node) {
  return graph.at(node.inputs[0]).shape == graph.at(node.outputs[0]).shape;
}

bool InputsConstant(const Graph& graph, const Node& node) {
  return std::all_of(node.inputs.begin() + 1, node.inputs.end(),
                     [&](ValueId id) { return id == kNoValue || graph.IsConstant(id); });
}

void View(Graph& graph, Node node, std::vector<Node>& out) {
  if (!InputsConstant(graph, node)) {
    out.push_back(std::move(node));
  } else if (KeepsShape(graph, node)) {
    out.push_back(AsIdentity(std::move(node)));
  } else {
    out.push_back(MakeReshape(graph, node, node.inputs[0], node.outputs[0]));
  }
}

void Same(Graph&, Node node, std::vector<Node>& out) { out.push_back(AsIdentity(std::move(node))); }

void Cast(Graph& graph, Node node, std::vector<Node>& out) {
  const DType to = graph.at(node.outputs[0]).dtype;
  if (graph.at(node.inputs[0]).dtype == to) return Same(graph, std::move(node), out);
  node.op = "Cast";
  node.inputs.resize(1);
  node.attributes["to"] = std::string(DTypeName(to));
  out.push_back(std::move(node));
}

// A copy whose result has its input's shape copies everything to its place.
void Copy(Graph& graph, Node node, std::vector<Node>& out) {
  if (InputsConstant(graph, node) && KeepsShape(graph, node))
    return Same(graph, std::move(node), out);
  out.push_back(std::move(node));
}

// Slices with a negative step keep the shape and turn the order.
void Slice(Graph& graph, Node node, std::vector<Node>& out) {
  const ValueId steps = node.inputs.size() > 4 ? node.inputs[4] : kNoValue;
  if (steps != kNoValue) {
    if (!graph.IsConstant(steps)) return out.push_back(std::move(node));
    const std::vector<int64_t> list = ConstantIndices(graph, steps);
    if (std::any_of(list.begin(), list.end(), [](int64_t step) { return step < 0; }))
      return out.push_back(std::move(node));
  }
  Copy(graph, std::move(node), out);
}

// A Pad that adds as much as it cuts keeps the shape too.
void Pad(Graph& graph, Node node, std::vector<Node>& out) {
  const ValueId pads = node.inputs[1];
  if (graph.IsConstant(pads)) {
    const std::vector<int64_t> list = ConstantIndices(graph, pads);
    if (std::all_of(list.begin(), list.end(), [](int64_t pad) { return pad == 0; }))
      return Same(graph, std::move(node), out);
  }
  out.push_back(std::move(node));
}

void Clip(Graph& graph, Node node, std::vector<Node>& out) {
  if (node.inputs.size() == 1) return Same(graph, std::move(node), out);
  out.push_back(std::move(node));
}

void NotNegativeAxis(Graph& graph, Node node, std::vector<Node>& out) {
  const bool last = node.op.ends_with("max") || node.op.ends_with("Normalization");
  int64_t axis = IntAttribute(node, "axis", last && !node.op.starts_with("Arg") ? -1 : 0);
  if (axis < 0) axis += static_cast<int64_t>(graph.at(node.inputs[0]).shape.rank());
  node.attributes["axis"] = axis;
  out.push_back(std::move(node));
}

void Concat(Graph& graph, Node node, std::vector<Node>& out) {
  if (node.inputs.size() == 1) return Same(graph, std::move(node), out);
  NotNegativeAxis(graph, std::move(node), out);
}

void Split(Graph& graph, Node node, std::vector<Node>& out) {
  if (node.outputs.size() == 1 && KeepsShape(graph, node)) return Same(graph, std::move(node), out);
  NotNegativeAxis(graph, std::move(node), out);
}

// Where only dimensions of size 1 move, a transpose is a view.
void Transpose(Graph& graph, Node node, std::vector<Node>& out) {
  const Shape& shape = graph.at(node.inputs[0]).shape;
  std::vector<int64_t> perm = IntsAttribute(node, "perm");
  if (perm.empty()) {
    for (size_t i = shape.rank(); i-- > 0;) perm.push_back(static_cast<int64_t>(i));
    node.attributes["perm"] = perm;
  }
  std::vector<int64_t> moved;
  for (int64_t axis : perm) {
    if (shape[static_cast<size_t>(axis)] != 1) moved.push_back(axis);
  }
  if (!std::is_sorted(moved.begin(), moved.end())) return out.push_back(std::move(node));
  if (KeepsShape(graph, node)) return Same(graph, std::move(node), out);
  out.push_back(MakeReshape(graph, node, node.inputs[0], node.outputs[0]));
}

struct Entry {
  std::string_view op;
  CanonicalRule rule;
};
constexpr Entry kRules[] = {
    {"ArgMax", NotNegativeAxis},
    {"ArgMin", NotNegativeAxis},
    {"Cast", Cast},
    {"CastLike", Cast},
    {"Clip", Clip},
    {"Concat", Concat},
    {"Dropout", Same},
    {"Expand", Copy},
    {"Flatten", View},
    {"Gather", NotNegativeAxis},
    {"GatherElements", NotNegativeAxis},
    {"Hardmax", NotNegativeAxis},
    {"Identity", Same},
    {"LayerNormalization", NotNegativeAxis},
    {"LogSoftmax", NotNegativeAxis},
    {"LpNormalization", NotNegativeAxis},
    {"Pad", Pad},
    {"Reshape", View},
    {"Resize", Copy},
    {"ScatterElements", NotNegativeAxis},
    {"Slice", Slice},
    {"Softmax", NotNegativeAxis},
    {"Split", Split},
    {"Squeeze", View},
    {"Tile", Copy},
    {"Transpose", Transpose},
    {"Unsqueeze", View},
};

}  // namespace

CanonicalRule FindViewRule(std::string_view op) {
  for (const Entry& entry : kRules) {
    if (entry.op == op) return entry.rule;
  }
  return nullptr;
}

}  // namespace kedge::compiler
