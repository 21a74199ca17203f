// SPDX-License-Identifier: Apache-2.0
#include "compiler/ops/interpreter.h"

#include "compiler/ops/elements.h"
#include "compiler/ops/epilogue.h"
#include "compiler/ops/op.h"

namespace kedge::compiler {
namespace {

void ApplyEpilogue(const Node& node, const Tensor* residual, Tensor& output) {
  const Epilogue epilogue = ReadEpilogue(node);
  if (epilogue.empty()) return;
  std::vector<double> values = ReadDoubles(output);
  if (epilogue.residual) {
    const std::vector<double> added = ReadDoubles(*residual);
    for (size_t i = 0; i < values.size(); ++i) values[i] += added[i];
  }
  for (double& value : values) value = ApplyActivation(epilogue, value);
  WriteDoubles(values, output);
}

}  // namespace

Result<std::vector<Tensor>> Evaluate(const Node& node, std::span<const Tensor* const> inputs,
                                     int64_t output_bytes_max) {
  std::vector<Operand> operands;
  for (const Tensor* input : inputs) {
    Operand operand;
    if (input != nullptr) operand = {true, input->dtype(), input->shape(), input};
    operands.push_back(std::move(operand));
  }
  KEDGE_TRY(const std::vector<OutputType> types, InferNode(node, operands));
  std::vector<Tensor> outputs;
  for (const OutputType& type : types) {
    KEDGE_CHECK(type.shape.has_value());  // every input was constant
    const int64_t elements_max = output_bytes_max / static_cast<int64_t>(DTypeSize(type.dtype));
    if (type.shape->elements() > elements_max) {
      return ResourceExhausted(Describe(node) + ": a result of shape " + ToString(*type.shape) +
                               " needs more than " + std::to_string(output_bytes_max) + " bytes");
    }
    outputs.emplace_back(type.dtype, *type.shape);
  }
  const OpSchema& schema = *FindOp(node.op);
  std::vector<const Tensor*> padded(inputs.begin(), inputs.end());
  const bool residual = schema.takes_epilogue && ReadEpilogue(node).residual;
  if (residual) padded.pop_back();
  if (schema.inputs_max != kVariadic)
    padded.resize(std::max(padded.size(), static_cast<size_t>(schema.inputs_max)), nullptr);
  Status status = schema.evaluate(node, padded, outputs);
  if (!status) return Wrap(std::move(status).error(), Describe(node));
  if (schema.takes_epilogue) ApplyEpilogue(node, residual ? inputs.back() : nullptr, outputs[0]);
  return outputs;
}

Result<std::vector<Tensor>> RunGraph(const Graph& graph, std::span<const Tensor> inputs) {
  if (inputs.size() != graph.inputs.size()) {
    return InvalidArgument("the graph has " + std::to_string(graph.inputs.size()) +
                           " inputs, got " + std::to_string(inputs.size()));
  }
  std::vector<const Tensor*> known(graph.values.size(), nullptr);
  std::vector<Tensor> computed(graph.values.size());
  std::vector<size_t> last_use(graph.values.size(), 0);
  for (size_t i = 0; i < graph.values.size(); ++i) known[i] = graph.values[i].constant.get();
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Value& value = graph.at(graph.inputs[i]);
    if (inputs[i].dtype() != value.dtype || inputs[i].shape() != value.shape) {
      return InvalidArgument("input '" + value.name + "' is " +
                             std::string(DTypeName(inputs[i].dtype())) + " " +
                             ToString(inputs[i].shape()) + ", needs " +
                             std::string(DTypeName(value.dtype)) + " " + ToString(value.shape));
    }
    known[static_cast<size_t>(graph.inputs[i])] = &inputs[i];
  }
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    for (ValueId id : graph.nodes[i].inputs) {
      if (id != kNoValue) last_use[static_cast<size_t>(id)] = i;
    }
  }
  for (ValueId id : graph.outputs) last_use[static_cast<size_t>(id)] = graph.nodes.size();
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    std::vector<const Tensor*> operands;
    for (ValueId id : node.inputs)
      operands.push_back(id == kNoValue ? nullptr : known[static_cast<size_t>(id)]);
    KEDGE_TRY(std::vector<Tensor> results, Evaluate(node, operands));
    for (size_t k = 0; k < node.outputs.size(); ++k) {
      if (node.outputs[k] == kNoValue) continue;
      const auto id = static_cast<size_t>(node.outputs[k]);
      computed[id] = std::move(results[k]);
      known[id] = &computed[id];
    }
    for (ValueId id : node.inputs) {
      if (id != kNoValue && last_use[static_cast<size_t>(id)] == i)
        computed[static_cast<size_t>(id)] = Tensor();
    }
  }
  std::vector<Tensor> outputs;
  for (ValueId id : graph.outputs) outputs.push_back(*known[static_cast<size_t>(id)]);
  return outputs;
}

}  // namespace kedge::compiler
