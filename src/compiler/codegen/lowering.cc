// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/lowering.h"

#include <algorithm>
#include <string_view>

#include "compiler/codegen/expression.h"
#include "compiler/codegen/lower_shape_check.h"
#include "compiler/codegen/reorder.h"

namespace kedge::compiler {
namespace {

struct Row {
  std::string_view op;
  Lowering lower;
};

// Elementwise operators have their rows in expression.cc.
constexpr Row kRows[] = {
    {"ArgMax", LowerArgReduce},
    {"ArgMin", LowerArgReduce},
    {"AveragePool", LowerPool},
    {"Concat", LowerCopies},
    {"ConstantOfShape", LowerGenerate},
    {"Conv", LowerConv},
    {"ConvTranspose", LowerConvTranspose},
    {"CumSum", LowerCumSum},
    {"DepthToSpace", LowerCopies},
    {"Dropout", LowerView},
    {"Expand", LowerCopies},
    {"EyeLike", LowerGenerate},
    {"Flatten", LowerView},
    {"Gather", LowerGather},
    {"GatherElements", LowerGather},
    {"GatherND", LowerGather},
    {"Gemm", LowerGemm},
    {"GlobalAveragePool", LowerGlobalPool},
    {"GlobalLpPool", LowerGlobalPool},
    {"GlobalMaxPool", LowerGlobalPool},
    {"Hardmax", LowerSoftmax},
    {"Identity", LowerView},
    {"InstanceNormalization", LowerNormalize},
    {"LRN", LowerLrn},
    {"LayerNormalization", LowerNormalize},
    {"LogSoftmax", LowerSoftmax},
    {"LpNormalization", LowerNormalize},
    {"LpPool", LowerPool},
    {"MatMul", LowerMatMul},
    {"MaxPool", LowerPool},
    {"OneHot", LowerOneHot},
    {"Pad", LowerPad},
    {"ReduceL1", LowerReduce},
    {"ReduceL2", LowerReduce},
    {"ReduceLogSum", LowerReduce},
    {"ReduceLogSumExp", LowerReduce},
    {"ReduceMax", LowerReduce},
    {"ReduceMean", LowerReduce},
    {"ReduceMin", LowerReduce},
    {"ReduceProd", LowerReduce},
    {"ReduceSum", LowerReduce},
    {"ReduceSumSquare", LowerReduce},
    {"Reshape", LowerView},
    {"Resize", LowerResize},
    {"ScatterElements", LowerScatter},
    {"ScatterND", LowerScatter},
    {"Slice", LowerCopies},
    {"Softmax", LowerSoftmax},
    {"SpaceToDepth", LowerCopies},
    {"Split", LowerCopies},
    {"Squeeze", LowerView},
    {"Tile", LowerCopies},
    {"Transpose", LowerCopies},
    {"Trilu", LowerCopies},
    {"Unsqueeze", LowerView},
};

constexpr std::string_view kViews[] = {"Dropout", "Flatten", "Identity",
                                       "Reshape", "Squeeze", "Unsqueeze"};

}  // namespace

Status LowerGeneric(const Node& node, PlanBuilder& builder) {
  if (IsEltwise(node)) return LowerEltwise(node, builder);
  const auto* row = std::find_if(std::begin(kRows), std::end(kRows),
                                 [&](const Row& r) { return r.op == node.op; });
  if (row == std::end(kRows)) {
    return Unimplemented(Describe(node) + ": the code generator has no lowering for operator '" +
                         node.op + "'");
  }
  return row->lower(node, builder);
}

bool IsView(const Node& node) {
  return std::find(std::begin(kViews), std::end(kViews), node.op) != std::end(kViews);
}

Status LowerView(const Node& node, PlanBuilder& builder) {
  const ValueId from = node.inputs[0], to = node.outputs[0];
  if (node.op == "Dropout" && HasOutput(node, 1)) {
    return Unimplemented(Describe(node) + " asks for Dropout's mask, which is for training only");
  }
  if (node.op == "Reshape") AddShapeCheck(node, builder);
  if (builder.layout(from).plain() && builder.layout(to).plain() && builder.SamePlace(from, to)) {
    return {};
  }
  const Value& value = builder.value(from);
  builder.Add(MakeCopy(StorageBytes(value.dtype, value.shape, {}), builder.ReadPlain(from),
                       builder.WritePlain(to)));
  return {};
}

int64_t AxisAttribute(const Node& node, const std::string& name, int64_t other, size_t rank) {
  const int64_t axis = IntAttribute(node, name, other);
  const auto count = static_cast<int64_t>(rank);
  KEDGE_CHECK(axis >= -count && axis <= count);
  return axis < 0 ? axis + count : axis;
}

bool IsOutermost(const Shape& shape, int64_t axis) {
  return std::all_of(shape.dims.begin(), shape.dims.begin() + axis,
                     [](int64_t size) { return size == 1; });
}

Result<std::vector<int64_t>> ConstantInts(const Node& node, const Graph& graph, size_t input,
                                          const std::vector<int64_t>& other) {
  if (!HasInput(node, input)) return other;
  const Value& value = graph.at(node.inputs[input]);
  if (value.constant == nullptr) {
    return Unimplemented(Describe(node) + ": input " + std::to_string(input) + " ('" + value.name +
                         "') is only known at run time");
  }
  std::vector<int64_t> ints;
  for (int64_t i = 0; i < value.constant->elements(); ++i) {
    if (value.dtype == DType::kI64) {
      ints.push_back(value.constant->As<int64_t>()[static_cast<size_t>(i)]);
    } else {
      ints.push_back(static_cast<int64_t>(ElementAsDouble(*value.constant, i)));
    }
  }
  return ints;
}

bool HasInput(const Node& node, size_t input) {
  return input < node.inputs.size() && node.inputs[input] != kNoValue;
}

bool HasOutput(const Node& node, size_t output) {
  return output < node.outputs.size() && node.outputs[output] != kNoValue;
}

}  // namespace kedge::compiler
