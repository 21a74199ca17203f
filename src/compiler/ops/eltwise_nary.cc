// Eltwise operators with other arities.
//
//   Max, Mean, Min, Sum   one or more operands of one type, broadcast together (Mean: floats)
//   Where(c, a, b)        c bool; all three broadcast; the result has a's type
//   Clip(x, min?, max?)   min and max are scalars of x's type, inputs, each optional;
//                         min(max(x, min), max)
//   Cast(x)               attribute to: string, the name of a type ("f32"); floats truncate to
//                         integers and saturate, integers wrap, bool is x != 0
//   CastLike(x, t)        to t's type; canonicalise makes it a Cast
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>

#include "compiler/ops/elements.h"
#include "compiler/ops/rules.h"

namespace kedge::compiler {
namespace {

Result<OutputTypes> InferNary(const Node& node, std::span<const Operand> operands) {
  Shape shape = operands[0].shape;
  if (operands[0].dtype == DType::kBool) return InvalidArgument("it does not take bool");
  if (node.op == "Mean") KEDGE_TRY_STATUS(RequireFloat(operands[0], "data_0"));
  for (const Operand& operand : operands.subspan(1)) {
    KEDGE_TRY_STATUS(RequireSameType(operands[0], operand));
    KEDGE_TRY(shape, BroadcastShapes(shape, operand.shape));
  }
  return OneOutput(operands[0].dtype, std::move(shape));
}

// NaN wins, as in NumPy.
double Larger(double a, double b) { return std::isnan(a) || a > b ? a : b; }
double Smaller(double a, double b) { return std::isnan(a) || a < b ? a : b; }

template <class T>
T CombineTwo(std::string_view op, T a, T b, bool is_u64) {
  if constexpr (std::is_same_v<T, double>) {
    return op == "Max" ? Larger(a, b) : op == "Min" ? Smaller(a, b) : a + b;
  } else {
    const bool less = is_u64 ? static_cast<uint64_t>(a) < static_cast<uint64_t>(b) : a < b;
    if (op == "Max") return less ? b : a;
    if (op == "Min") return less ? a : b;
    return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  }
}

template <class T>
void Accumulate(std::string_view op, const std::vector<T>& operand, Odometer at, bool is_u64,
                std::vector<T>& result) {
  for (size_t i = 0; !at.done(); at.Next(), ++i)
    result[i] = CombineTwo(op, result[i], operand[static_cast<size_t>(at.offset(0))], is_u64);
}

template <class T, class Read>
std::vector<T> FoldOperands(const Node& node, std::span<const Tensor* const> inputs,
                            const Shape& shape, Read read) {
  std::vector<T> result;
  const std::vector<T> first = read(*inputs[0]);
  for (Odometer at(shape, {BroadcastStrides(inputs[0]->shape(), shape)}); !at.done(); at.Next())
    result.push_back(first[static_cast<size_t>(at.offset(0))]);
  for (const Tensor* input : inputs.subspan(1)) {
    Accumulate<T>(node.op, read(*input), Odometer(shape, {BroadcastStrides(input->shape(), shape)}),
                  input->dtype() == DType::kU64, result);
  }
  return result;
}

Status EvaluateNary(const Node& node, std::span<const Tensor* const> inputs,
                    std::span<Tensor> outputs) {
  const Shape& shape = outputs[0].shape();
  if (!IsFloat(inputs[0]->dtype())) {
    WriteIntegers(FoldOperands<int64_t>(node, inputs, shape, ReadIntegers), outputs[0]);
    return {};
  }
  std::vector<double> result = FoldOperands<double>(node, inputs, shape, ReadDoubles);
  if (node.op == "Mean") {
    for (double& value : result) value /= static_cast<double>(inputs.size());
  }
  WriteDoubles(result, outputs[0]);
  return {};
}

Result<OutputTypes> InferWhere(const Node&, std::span<const Operand> operands) {
  KEDGE_TRY_STATUS(RequireType(operands[0], DType::kBool, "condition"));
  KEDGE_TRY_STATUS(RequireSameType(operands[1], operands[2]));
  KEDGE_TRY(const Shape branches, BroadcastShapes(operands[1].shape, operands[2].shape));
  KEDGE_TRY(Shape shape, BroadcastShapes(operands[0].shape, branches));
  return OneOutput(operands[1].dtype, std::move(shape));
}

Status EvaluateWhere(const Node&, std::span<const Tensor* const> inputs,
                     std::span<Tensor> outputs) {
  const Shape& shape = outputs[0].shape();
  const size_t size = DTypeSize(outputs[0].dtype());
  uint8_t* target = outputs[0].mutable_bytes().data();
  Odometer at(shape, {BroadcastStrides(inputs[0]->shape(), shape),
                      BroadcastStrides(inputs[1]->shape(), shape),
                      BroadcastStrides(inputs[2]->shape(), shape)});
  for (; !at.done(); at.Next(), target += size) {
    const size_t chosen = inputs[0]->bytes()[static_cast<size_t>(at.offset(0))] != 0 ? 1 : 2;
    const size_t offset = static_cast<size_t>(at.offset(chosen)) * size;
    std::memcpy(target, inputs[chosen]->bytes().data() + offset, size);
  }
  return {};
}

Result<OutputTypes> InferClip(const Node&, std::span<const Operand> operands) {
  for (const Operand& bound : operands.subspan(1)) {
    if (!bound.present) continue;
    KEDGE_TRY_STATUS(RequireSameType(operands[0], bound));
    if (bound.shape.elements() != 1)
      return InvalidArgument("a bound has shape " + ToString(bound.shape) + ", needs a scalar");
  }
  if (operands[0].dtype == DType::kBool) return InvalidArgument("it does not take bool");
  return OneOutput(operands[0].dtype, operands[0].shape);
}

Status EvaluateClip(const Node&, std::span<const Tensor* const> inputs, std::span<Tensor> outputs) {
  if (IsFloat(inputs[0]->dtype())) {
    const double low = inputs[1] ? ElementAsDouble(*inputs[1], 0) : -INFINITY;
    const double high = inputs[2] ? ElementAsDouble(*inputs[2], 0) : INFINITY;
    std::vector<double> values = ReadDoubles(*inputs[0]);
    for (double& value : values) {
      value = value < low ? low : value;
      value = value > high ? high : value;
    }
    WriteDoubles(values, outputs[0]);
    return {};
  }
  const bool is_u64 = inputs[0]->dtype() == DType::kU64;
  std::vector<int64_t> values = ReadIntegers(*inputs[0]);
  for (int64_t& value : values) {
    if (inputs[1]) value = CombineTwo<int64_t>("Max", value, ReadIntegers(*inputs[1])[0], is_u64);
    if (inputs[2]) value = CombineTwo<int64_t>("Min", value, ReadIntegers(*inputs[2])[0], is_u64);
  }
  WriteIntegers(values, outputs[0]);
  return {};
}

Result<OutputTypes> InferCast(const Node& node, std::span<const Operand> operands) {
  KEDGE_TRY(const DType to, ParseDType(StringAttribute(node, "to", "")));
  return OneOutput(to, operands[0].shape);
}

Result<OutputTypes> InferCastLike(const Node&, std::span<const Operand> operands) {
  return OneOutput(operands[1].dtype, operands[0].shape);
}

Status EvaluateCast(const Node&, std::span<const Tensor* const> inputs, std::span<Tensor> outputs) {
  const DType from = inputs[0]->dtype();
  const DType to = outputs[0].dtype();
  if (!IsFloat(from) && !IsFloat(to)) {
    WriteIntegers(ReadIntegers(*inputs[0]), outputs[0]);
    return {};
  }
  WriteDoubles(ReadDoubles(*inputs[0]), outputs[0]);
  return {};
}

}  // namespace

OpSchema NarySchema(std::string_view) {
  return {.family = Family::kEltwise,
          .inputs_min = 1,
          .inputs_max = kVariadic,
          .infer = InferNary,
          .evaluate = EvaluateNary};
}

OpSchema WhereSchema(std::string_view) {
  return {.family = Family::kEltwise,
          .inputs_min = 3,
          .inputs_max = 3,
          .infer = InferWhere,
          .evaluate = EvaluateWhere};
}

OpSchema ClipSchema(std::string_view) {
  return {.family = Family::kEltwise,
          .inputs_min = 1,
          .inputs_max = 3,
          .infer = InferClip,
          .evaluate = EvaluateClip};
}

OpSchema CastSchema(std::string_view) {
  return {.family = Family::kEltwise,
          .attributes = {{"to", AttributeKind::kString, true}},
          .infer = InferCast,
          .evaluate = EvaluateCast};
}

OpSchema CastLikeSchema(std::string_view) {
  return {.family = Family::kEltwise,
          .inputs_min = 2,
          .inputs_max = 2,
          .infer = InferCastLike,
          .evaluate = EvaluateCast};
}

}  // namespace kedge::compiler
