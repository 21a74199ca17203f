// SPDX-License-Identifier: Apache-2.0
#include "compiler/passes/infer_shapes.h"

#include "compiler/ops/interpreter.h"
#include "compiler/ops/op.h"
#include "compiler/ops/rules.h"
#include "compiler/passes/edit.h"

namespace kedge::compiler {
namespace {

// Shape computations are short; longer results wait for pass fold-constants.
constexpr int64_t kShapeElementsMax = 4096;

Status SetTypes(Graph& graph, const Node& node, const std::vector<OutputType>& types) {
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] == kNoValue) continue;
    Value& value = graph.at(node.outputs[i]);
    value.dtype = types[i].dtype;
    if (types[i].shape.has_value()) {
      value.shape = *types[i].shape;
    } else if (value.declared_shape.has_value()) {
      value.shape = *value.declared_shape;
    } else if (!value.shape_known) {
      return Unimplemented(Describe(node) + ": the shape of its output '" + value.name +
                           "' depends on values that are known at run time only");
    }
    value.shape_known = true;
  }
  return {};
}

bool IsShapeComputation(const Graph& graph, const Node& node) {
  // A window may be large where tensors are small.
  const Family family = FindOp(node.op)->family;
  if (family == Family::kWindow || family == Family::kMatMul) return false;
  for (ValueId id : node.inputs) {
    if (id == kNoValue) continue;
    if (!graph.IsConstant(id) || graph.at(id).shape.elements() > kShapeElementsMax) return false;
  }
  for (ValueId id : node.outputs) {
    if (id == kNoValue) continue;
    const Value& value = graph.at(id);
    if (value.shape.elements() > kShapeElementsMax) return false;
    // Resize's scales are floats, so short float vectors count too.
    if (IsFloat(value.dtype) && value.shape.elements() > 8) return false;
  }
  return true;
}

Status CheckSize(const Value& value, const PassOptions& options) {
  if (value.shape.elements() <= options.value_elements_max) return {};
  return ResourceExhausted("value '" + value.name + "' of shape " + ToString(value.shape) +
                           " has more than " + std::to_string(options.value_elements_max) +
                           " elements");
}

void SetConstant(Graph& graph, ValueId id, Tensor tensor) {
  if (id == kNoValue) return;
  graph.at(id).constant = std::make_shared<const Tensor>(std::move(tensor));
}

}  // namespace

Result<bool> InferOutputs(Graph& graph, const Node& node) {
  for (ValueId id : node.inputs) {
    if (id != kNoValue && !graph.at(id).shape_known)
      return Unimplemented(Describe(node) + ": the shape of its input '" + graph.at(id).name +
                           "' is not known");
  }
  KEDGE_TRY(const std::vector<OutputType> types, InferNode(graph, node));
  KEDGE_TRY_STATUS(SetTypes(graph, node, types));
  if (node.op == "Shape") {
    const std::vector<int64_t> sizes = ShapeResult(node, graph.at(node.inputs[0]).shape);
    SetConstant(graph, node.outputs[0],
                Tensor::Of(DType::kI64, Shape{static_cast<int64_t>(sizes.size())}, sizes));
    return true;
  }
  if (node.op == "Size") {
    const std::vector<int64_t> size{graph.at(node.inputs[0]).shape.elements()};
    SetConstant(graph, node.outputs[0], Tensor::Of(DType::kI64, Shape{}, size));
    return true;
  }
  if (!IsShapeComputation(graph, node)) return false;
  std::vector<const Tensor*> inputs;
  for (ValueId id : node.inputs)
    inputs.push_back(id == kNoValue ? nullptr : graph.at(id).constant.get());
  KEDGE_TRY(std::vector<Tensor> outputs, Evaluate(node, inputs));
  for (size_t i = 0; i < node.outputs.size(); ++i)
    SetConstant(graph, node.outputs[i], std::move(outputs[i]));
  return true;
}

Status InferShapes(Graph& graph, const PassOptions& options) {
  std::vector<bool> folded(graph.nodes.size(), false);
  for (ValueId id : graph.inputs) KEDGE_TRY_STATUS(CheckSize(graph.at(id), options));
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    KEDGE_TRY(folded[i], InferOutputs(graph, graph.nodes[i]));
    for (ValueId id : graph.nodes[i].outputs) {
      if (id != kNoValue) KEDGE_TRY_STATUS(CheckSize(graph.at(id), options));
    }
  }
  RemoveNodes(graph, folded);
  return {};
}

}  // namespace kedge::compiler
