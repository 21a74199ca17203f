// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <unordered_map>

#include "compiler/ops/epilogue.h"
#include "compiler/ops/op.h"

namespace kedge::compiler {

#define KEDGE_OP(name, schema) OpSchema schema(std::string_view op);
#include "compiler/ops/op_list.inc"
#undef KEDGE_OP

namespace {

std::vector<OpSchema> MakeSchemas() {
  std::vector<OpSchema> schemas;
  const auto add = [&schemas](std::string_view name, OpSchema (*schema)(std::string_view)) {
    schemas.push_back(schema(name));
    schemas.back().name = name;
  };
#define KEDGE_OP(name, schema) add(#name, schema);
#include "compiler/ops/op_list.inc"
#undef KEDGE_OP
  return schemas;
}

const std::vector<OpSchema>& Schemas() {
  static const std::vector<OpSchema> schemas = MakeSchemas();
  return schemas;
}

Status CheckCount(size_t count, int min, int max, const char* what) {
  if (count >= static_cast<size_t>(min) && count <= static_cast<size_t>(max)) return {};
  return InvalidArgument("it has " + std::to_string(count) + " " + what + ", needs " +
                         std::to_string(min) +
                         (max == min         ? ""
                          : max == kVariadic ? " or more"
                                             : " to " + std::to_string(max)));
}

Status CheckAttributes(const Node& node, const OpSchema& schema) {
  for (const auto& [name, attribute] : node.attributes) {
    const auto matches = [&name = name](const AttributeSpec& each) { return each.name == name; };
    const AttributeSpec* spec = nullptr;
    const auto found = std::find_if(schema.attributes.begin(), schema.attributes.end(), matches);
    if (found != schema.attributes.end()) spec = &*found;
    if (spec == nullptr && schema.takes_epilogue) {
      const auto ours = EpilogueAttributes();
      const auto own = std::find_if(ours.begin(), ours.end(), matches);
      if (own != ours.end()) spec = &*own;
    }
    if (spec == nullptr) return Unimplemented("attribute '" + name + "' is not known");
    if (KindOf(attribute) != spec->kind) {
      return InvalidArgument("attribute '" + name + "' is of kind " +
                             AttributeKindName(KindOf(attribute)) + ", needs " +
                             AttributeKindName(spec->kind));
    }
  }
  for (const AttributeSpec& spec : schema.attributes) {
    if (spec.required && !node.attributes.contains(std::string(spec.name)))
      return InvalidArgument("attribute '" + std::string(spec.name) + "' is missing");
  }
  return {};
}

Status CheckSchema(const Node& node, const OpSchema& schema) {
  KEDGE_TRY_STATUS(CheckAttributes(node, schema));
  const bool residual = schema.takes_epilogue && IntAttribute(node, kResidualAttribute, 0) != 0;
  const size_t inputs = node.inputs.size() - (residual && !node.inputs.empty() ? 1 : 0);
  KEDGE_TRY_STATUS(CheckCount(inputs, schema.inputs_min, schema.inputs_max, "inputs"));
  // More outputs than the schema has are ones of ONNX that we do not have: indices, masks.
  if (node.outputs.size() > static_cast<size_t>(schema.outputs_max))
    return Unimplemented("its output " + std::to_string(schema.outputs_max) + " is not supported");
  KEDGE_TRY_STATUS(
      CheckCount(node.outputs.size(), schema.outputs_min, schema.outputs_max, "outputs"));
  for (size_t i = 0; i < inputs; ++i) {
    const bool needed =
        i < static_cast<size_t>(schema.inputs_min) || schema.inputs_max == kVariadic;
    if (needed && node.inputs[i] == kNoValue)
      return InvalidArgument("input " + std::to_string(i) + " is absent");
  }
  if (residual && node.inputs.back() == kNoValue) return InvalidArgument("the residual is absent");
  return {};
}

Result<std::vector<OutputType>> InferUnnamed(const Node& node, std::span<const Operand> operands) {
  const OpSchema& schema = *FindOp(node.op);
  std::vector<Operand> padded(operands.begin(), operands.end());
  if (schema.takes_epilogue && IntAttribute(node, kResidualAttribute, 0) != 0) padded.pop_back();
  if (schema.inputs_max != kVariadic)
    padded.resize(std::max(padded.size(), static_cast<size_t>(schema.inputs_max)));
  KEDGE_TRY(std::vector<OutputType> types, schema.infer(node, padded));
  KEDGE_CHECK(types.size() >= node.outputs.size());
  types.resize(node.outputs.size());
  for (const OutputType& type : types) {
    if (type.shape.has_value()) KEDGE_TRY_STATUS(CheckShape(*type.shape));
  }
  if (schema.takes_epilogue) KEDGE_TRY_STATUS(CheckEpilogue(node, operands, types[0]));
  return types;
}

}  // namespace

const char* FamilyName(Family family) {
  constexpr const char* kNames[] = {"eltwise",   "reduce", "window",   "matmul",
                                    "index-map", "view",   "generator"};
  return kNames[static_cast<size_t>(family)];
}

const OpSchema* FindOp(std::string_view name) {
  static const auto* const by_name = [] {
    auto* map = new std::unordered_map<std::string_view, const OpSchema*>();
    for (const OpSchema& schema : Schemas()) (*map)[schema.name] = &schema;
    return map;
  }();
  const auto found = by_name->find(name);
  return found == by_name->end() ? nullptr : found->second;
}

std::span<const OpSchema> AllOps() { return Schemas(); }

Status CheckNode(const Node& node) {
  const OpSchema* schema = FindOp(node.op);
  if (schema == nullptr) {
    return Unimplemented("operator '" + node.op + "' in " + Describe(node) + " is not supported");
  }
  Status status = CheckSchema(node, *schema);
  if (!status) return Wrap(std::move(status).error(), Describe(node));
  return {};
}

Result<std::vector<OutputType>> InferNode(const Node& node, std::span<const Operand> operands) {
  KEDGE_TRY_STATUS(CheckNode(node));
  auto types = InferUnnamed(node, operands);
  if (!types) return Wrap(std::move(types).error(), Describe(node));
  return types;
}

Result<std::vector<OutputType>> InferNode(const Graph& graph, const Node& node) {
  std::vector<Operand> operands;
  for (ValueId id : node.inputs) {
    Operand operand;
    if (id != kNoValue) {
      const Value& value = graph.at(id);
      operand = {true, value.dtype, value.shape, value.constant.get()};
    }
    operands.push_back(std::move(operand));
  }
  return InferNode(node, operands);
}

}  // namespace kedge::compiler
