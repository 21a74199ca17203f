// The differences between opsets, one rule an operator. Each applies below the opset that brought
// the newest form; what is not named has not changed in a way that matters to inference.
// Source: the ONNX operator changelog.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/import/opset.h"

#include <algorithm>
#include <array>

#include "compiler/import/tensor_import.h"
#include "compiler/ops/elements.h"
#include "compiler/passes/infer_shapes.h"

namespace kedge::compiler {
namespace {

template <class T>
Result<T> TakeAttribute(Node& node, const std::string& name, T other) {
  const auto found = node.attributes.find(name);
  if (found == node.attributes.end()) return other;
  T* value = std::get_if<T>(&found->second);
  if (value == nullptr) {
    return InvalidArgument("attribute '" + name + "' is of kind " +
                           AttributeKindName(KindOf(found->second)));
  }
  T taken = std::move(*value);
  node.attributes.erase(found);
  return taken;
}

// An attribute that means nothing to inference.
template <class T>
Status DropAttribute(Node& node, const std::string& name) {
  KEDGE_TRY([[maybe_unused]] const T dropped, TakeAttribute<T>(node, name, T()));
  return {};
}

Status ReplaceTypeNumber(Node& node, const std::string& name) {
  if (!node.attributes.contains(name)) return {};
  KEDGE_TRY(const int64_t number, TakeAttribute<int64_t>(node, name, 0));
  KEDGE_TRY(const DType dtype, DTypeFromOnnx(number));
  node.attributes[name] = std::string(DTypeName(dtype));
  return {};
}

}  // namespace

struct NodeConverter::RuleEntry {
  std::string_view op;
  int below;  // applies to opsets below this one
  Rule rule;
};

constexpr int kAlways = 1 << 20;

const NodeConverter::RuleEntry NodeConverter::kRules[] = {
    {"Add", 7, &NodeConverter::BroadcastAttribute},
    {"And", 7, &NodeConverter::BroadcastAttribute},
    {"BatchNormalization", kAlways, &NodeConverter::BatchNormalization},
    {"Cast", kAlways, &NodeConverter::Cast},
    {"CastLike", kAlways, &NodeConverter::Cast},
    {"Clip", 11, &NodeConverter::Clip},
    {"Constant", kAlways, &NodeConverter::Constant},
    {"Div", 7, &NodeConverter::BroadcastAttribute},
    {"Dropout", kAlways, &NodeConverter::Dropout},
    {"Equal", 7, &NodeConverter::BroadcastAttribute},
    {"EyeLike", kAlways, &NodeConverter::DTypeAttribute},
    {"Gemm", 7, &NodeConverter::Gemm},
    {"Greater", 7, &NodeConverter::BroadcastAttribute},
    {"Hardmax", 13, &NodeConverter::Softmax},
    {"Less", 7, &NodeConverter::BroadcastAttribute},
    {"LogSoftmax", 13, &NodeConverter::Softmax},
    {"Mul", 7, &NodeConverter::BroadcastAttribute},
    {"Or", 7, &NodeConverter::BroadcastAttribute},
    {"PRelu", 7, &NodeConverter::PReluSlope},
    {"Pad", 11, &NodeConverter::Pad},
    {"Pow", 7, &NodeConverter::BroadcastAttribute},
    {"ReduceL1", 18, &NodeConverter::AxesToInput},
    {"ReduceL2", 18, &NodeConverter::AxesToInput},
    {"ReduceLogSum", 18, &NodeConverter::AxesToInput},
    {"ReduceLogSumExp", 18, &NodeConverter::AxesToInput},
    {"ReduceMax", 18, &NodeConverter::AxesToInput},
    {"ReduceMean", 18, &NodeConverter::AxesToInput},
    {"ReduceMin", 18, &NodeConverter::AxesToInput},
    {"ReduceProd", 18, &NodeConverter::AxesToInput},
    {"ReduceSum", 13, &NodeConverter::AxesToInput},
    {"ReduceSumSquare", 18, &NodeConverter::AxesToInput},
    {"Resize", kAlways, &NodeConverter::Resize},
    {"Scatter", kAlways, &NodeConverter::Scatter},
    {"Slice", 10, &NodeConverter::Slice},
    {"Softmax", 13, &NodeConverter::Softmax},
    {"Split", 13, &NodeConverter::SplitSizes},
    {"Squeeze", 13, &NodeConverter::AxesToInput},
    {"Sub", 7, &NodeConverter::BroadcastAttribute},
    {"Unsqueeze", 13, &NodeConverter::AxesToInput},
    {"Upsample", kAlways, &NodeConverter::Upsample},
    {"Xor", 7, &NodeConverter::BroadcastAttribute},
};

Status NodeConverter::Append(Node node) {
  for (const RuleEntry& entry : kRules) {
    if (entry.op == node.op && opset_ < entry.below) return (this->*entry.rule)(node);
  }
  Emit(std::move(node));
  return {};
}

void NodeConverter::SetInput(Node& node, size_t index, ValueId id) {
  if (node.inputs.size() <= index) node.inputs.resize(index + 1, kNoValue);
  node.inputs[index] = id;
}

Status NodeConverter::RequireType(ValueId id) {
  size_t kept = inferred_;
  for (size_t i = inferred_; i < graph_.nodes.size(); ++i) {
    // What cannot be inferred yet is reported by pass infer-shapes, with the node's name.
    const auto folded = InferOutputs(graph_, graph_.nodes[i]);
    if (folded.has_value() && *folded) continue;
    if (kept != i) graph_.nodes[kept] = std::move(graph_.nodes[i]);
    ++kept;
  }
  graph_.nodes.resize(kept);
  inferred_ = kept;
  if (id != kNoValue && graph_.at(id).shape_known) return {};
  return Unimplemented("the old form of this operator needs an input of known shape");
}

Status NodeConverter::AttributeToInput(Node& node, const std::string& attribute, size_t index) {
  if (!node.attributes.contains(attribute)) return {};
  KEDGE_TRY(const auto indices, TakeAttribute<std::vector<int64_t>>(node, attribute, {}));
  SetInput(node, index, graph_.AddIndices(attribute, indices));
  return {};
}

Result<ValueId> NodeConverter::ScalarLike(ValueId like, const std::string& name, float value) {
  KEDGE_TRY_STATUS(RequireType(like));
  Tensor scalar(graph_.at(like).dtype, Shape{});
  WriteDoubles(std::array<double, 1>{value}, scalar);
  return graph_.AddConstant(name, std::move(scalar));
}

Status NodeConverter::AxesToInput(Node& node) {
  KEDGE_TRY_STATUS(AttributeToInput(node, "axes", 1));
  Emit(std::move(node));
  return {};
}

Status NodeConverter::SplitSizes(Node& node) {
  KEDGE_TRY_STATUS(AttributeToInput(node, "split", 1));
  Emit(std::move(node));
  return {};
}

Status NodeConverter::Slice(Node& node) {
  KEDGE_TRY_STATUS(AttributeToInput(node, "starts", 1));
  KEDGE_TRY_STATUS(AttributeToInput(node, "ends", 2));
  KEDGE_TRY_STATUS(AttributeToInput(node, "axes", 3));
  Emit(std::move(node));
  return {};
}

// axis and broadcast of opset 6: the second operand's shape stands at dimension axis of the first.
Status NodeConverter::BroadcastAttribute(Node& node) {
  KEDGE_TRY(const int64_t broadcast, TakeAttribute<int64_t>(node, "broadcast", 0));
  const bool has_axis = node.attributes.contains("axis");
  KEDGE_TRY(int64_t axis, TakeAttribute<int64_t>(node, "axis", 0));
  if (broadcast != 0 && has_axis && node.inputs.size() == 2) {
    KEDGE_TRY_STATUS(RequireType(InputOf(node, 0)));
    KEDGE_TRY_STATUS(RequireType(InputOf(node, 1)));
    const auto rank = static_cast<int64_t>(graph_.at(node.inputs[0]).shape.rank());
    const auto own = static_cast<int64_t>(graph_.at(node.inputs[1]).shape.rank());
    if (axis < 0) axis += rank;
    if (axis < 0 || axis + own > rank) return InvalidArgument("attribute 'axis' is out of range");
    std::vector<int64_t> added;
    for (int64_t i = own; i < rank - axis; ++i) added.push_back(i);
    if (!added.empty()) {
      const ValueId wide = graph_.AddUntyped(graph_.at(node.inputs[1]).name);
      Emit({.op = "Unsqueeze",
            .name = node.name,
            .inputs = {node.inputs[1], graph_.AddIndices("axes", added)},
            .outputs = {wide}});
      node.inputs[1] = wide;
    }
  }
  Emit(std::move(node));
  return {};
}

// Before opset 7 a slope of one dimension belongs to the channels.
Status NodeConverter::PReluSlope(Node& node) {
  if (node.inputs.size() == 2) {
    KEDGE_TRY_STATUS(RequireType(InputOf(node, 0)));
    KEDGE_TRY_STATUS(RequireType(InputOf(node, 1)));
    const size_t rank = graph_.at(node.inputs[0]).shape.rank();
    const Shape& slope = graph_.at(node.inputs[1]).shape;
    if (slope.rank() == 1 && slope[0] != 1 && rank > 2) {
      std::vector<int64_t> added;
      for (size_t i = 1; i + 1 < rank; ++i) added.push_back(static_cast<int64_t>(i));
      const ValueId wide = graph_.AddUntyped(graph_.at(node.inputs[1]).name);
      Emit({.op = "Unsqueeze",
            .name = node.name,
            .inputs = {node.inputs[1], graph_.AddIndices("axes", added)},
            .outputs = {wide}});
      node.inputs[1] = wide;
    }
  }
  Emit(std::move(node));
  return {};
}

Status NodeConverter::Gemm(Node& node) {
  KEDGE_TRY_STATUS(DropAttribute<int64_t>(node, "broadcast"));
  Emit(std::move(node));
  return {};
}

Status NodeConverter::BatchNormalization(Node& node) {
  KEDGE_TRY(const int64_t spatial, TakeAttribute<int64_t>(node, "spatial", 1));
  if (spatial == 0) return Unimplemented("attribute 'spatial' is 0");
  KEDGE_TRY(const int64_t training, TakeAttribute<int64_t>(node, "training_mode", 0));
  if (training != 0) return Unimplemented("batch normalization in training mode is not supported");
  KEDGE_TRY_STATUS(DropAttribute<int64_t>(node, "is_test"));
  KEDGE_TRY_STATUS(DropAttribute<float>(node, "momentum"));
  Emit(std::move(node));
  return {};
}

// Inference only: before opset 12 there is no training mode to ask for.
Status NodeConverter::Dropout(Node& node) {
  KEDGE_TRY_STATUS(DropAttribute<float>(node, "ratio"));
  KEDGE_TRY_STATUS(DropAttribute<int64_t>(node, "is_test"));
  if (opset_ < 12) {
    KEDGE_TRY_STATUS(DropAttribute<int64_t>(node, "seed"));
    node.op = "Identity";
  }
  Emit(std::move(node));
  return {};
}

Status NodeConverter::Clip(Node& node) {
  const auto take = [&](const char* name, size_t index) -> Status {
    if (!node.attributes.contains(name)) return {};
    KEDGE_TRY(const float bound, TakeAttribute<float>(node, name, 0));
    KEDGE_TRY(const ValueId id, ScalarLike(InputOf(node, 0), name, bound));
    SetInput(node, index, id);
    return {};
  };
  KEDGE_TRY_STATUS(take("min", 1));
  KEDGE_TRY_STATUS(take("max", 2));
  Emit(std::move(node));
  return {};
}

Status NodeConverter::Pad(Node& node) {
  KEDGE_TRY_STATUS(AttributeToInput(node, "pads", 1));
  KEDGE_TRY(const float value, TakeAttribute<float>(node, "value", 0));
  if (value != 0) {
    KEDGE_TRY(const ValueId id, ScalarLike(InputOf(node, 0), "value", value));
    SetInput(node, 2, id);
  }
  Emit(std::move(node));
  return {};
}

Status NodeConverter::Cast(Node& node) {
  KEDGE_TRY_STATUS(DropAttribute<int64_t>(node, "saturate"));  // for 8-bit floats only
  return DTypeAttribute(node);
}

Status NodeConverter::DTypeAttribute(Node& node) {
  KEDGE_TRY_STATUS(ReplaceTypeNumber(node, node.op == "EyeLike" ? "dtype" : "to"));
  Emit(std::move(node));
  return {};
}

Status NodeConverter::Constant(Node& node) {
  if (node.attributes.size() != 1 || node.outputs.size() != 1 || !node.inputs.empty())
    return InvalidArgument("a constant has one attribute and one output");
  Attribute& value = node.attributes.begin()->second;
  const std::string& name = node.attributes.begin()->first;
  std::shared_ptr<const Tensor> tensor;
  const auto make = [&tensor](DType dtype, Shape shape, const auto& elements) {
    tensor = std::make_shared<const Tensor>(Tensor::Of(dtype, std::move(shape), elements));
  };
  if (name == "value" && KindOf(value) == AttributeKind::kTensor)
    tensor = std::get<std::shared_ptr<const Tensor>>(value);
  if (const auto* f = std::get_if<float>(&value); name == "value_float" && f)
    make(DType::kF32, Shape{}, std::vector<float>{*f});
  if (const auto* i = std::get_if<int64_t>(&value); name == "value_int" && i)
    make(DType::kI64, Shape{}, std::vector<int64_t>{*i});
  if (const auto* list = std::get_if<std::vector<float>>(&value); name == "value_floats" && list)
    make(DType::kF32, Shape{static_cast<int64_t>(list->size())}, *list);
  if (const auto* list = std::get_if<std::vector<int64_t>>(&value); name == "value_ints" && list)
    make(DType::kI64, Shape{static_cast<int64_t>(list->size())}, *list);
  if (tensor == nullptr) return Unimplemented("attribute '" + name + "' is not supported");
  Value& output = graph_.at(node.outputs[0]);
  output.dtype = tensor->dtype();
  output.shape = tensor->shape();
  output.shape_known = true;
  output.constant = std::move(tensor);
  return {};
}

// Before opset 13: softmax over everything from `axis` on, as a matrix. Where that is one
// dimension it is today's softmax; else it is flattened, and given its shape back.
Status NodeConverter::Softmax(Node& node) {
  KEDGE_TRY(int64_t axis, TakeAttribute<int64_t>(node, "axis", 1));
  const ValueId x = InputOf(node, 0);
  if (node.inputs.size() != 1 || x == kNoValue) return InvalidArgument("it needs one input");
  if (RequireType(x).has_value()) {
    const auto rank = static_cast<int64_t>(graph_.at(x).shape.rank());
    if (axis < 0) axis += rank;
    if (axis == rank - 1) {
      node.attributes["axis"] = int64_t{-1};
      Emit(std::move(node));
      return {};
    }
  }
  const std::string name = graph_.at(x).name;  // a copy: values are added below
  const ValueId flat = graph_.AddUntyped(name + ".flat");
  const ValueId result = graph_.AddUntyped(name + ".softmax");
  const ValueId shape = graph_.AddUntyped(name + ".shape");
  Emit({.op = "Flatten",
        .name = node.name,
        .attributes = {{"axis", axis}},
        .inputs = {x},
        .outputs = {flat}});
  Emit({.op = node.op,
        .name = node.name,
        .attributes = {{"axis", int64_t{-1}}},
        .inputs = {flat},
        .outputs = {result}});
  Emit({.op = "Shape", .name = node.name, .inputs = {x}, .outputs = {shape}});
  Emit({.op = "Reshape",
        .name = node.name,
        .attributes = {{"allowzero", int64_t{1}}},
        .inputs = {result, shape},
        .outputs = node.outputs});
  return {};
}

Status NodeConverter::Scatter(Node& node) {
  node.op = "ScatterElements";
  Emit(std::move(node));
  return {};
}

// Upsample, and Resize of opset 10, sample at i / scale and round down.
Status NodeConverter::Upsample(Node& node) {
  if (node.attributes.contains("scales")) {  // opset 7
    KEDGE_TRY(const auto scales, TakeAttribute<std::vector<float>>(node, "scales", {}));
    SetInput(
        node, 1,
        graph_.AddConstant(
            "scales", Tensor::Of(DType::kF32, Shape{static_cast<int64_t>(scales.size())}, scales)));
  }
  KEDGE_TRY(std::string mode, TakeAttribute<std::string>(node, "mode", "nearest"));
  node.op = "Resize";
  node.attributes = {{"mode", mode == "bilinear" ? std::string("linear") : mode},
                     {"coordinate_transformation_mode", std::string("asymmetric")},
                     {"nearest_mode", std::string("floor")}};
  const ValueId scales = InputOf(node, 1);
  node.inputs = {InputOf(node, 0), kNoValue, scales};
  Emit(std::move(node));
  return {};
}

Status NodeConverter::Resize(Node& node) {
  if (opset_ < 11) return Upsample(node);
  const auto found = node.attributes.find("coordinate_transformation_mode");
  const bool uses_roi = found != node.attributes.end() &&
                        found->second == Attribute(std::string("tf_crop_and_resize"));
  if (!uses_roi && node.inputs.size() > 1) node.inputs[1] = kNoValue;
  // An empty tensor is how opset 11 says "absent".
  for (size_t i = 2; i < node.inputs.size(); ++i) {
    const ValueId id = node.inputs[i];
    if (graph_.IsConstant(id) && graph_.at(id).shape.elements() == 0) node.inputs[i] = kNoValue;
  }
  Emit(std::move(node));
  return {};
}

}  // namespace kedge::compiler
