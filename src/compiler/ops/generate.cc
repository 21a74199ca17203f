// Operators whose result does not depend on the elements of a tensor at run time: they fold away.
//
//   Shape(x)                 i64; attributes start int 0, end int (rank)
//   Size(x)                  i64 scalar
//   ConstantOfShape(shape)   attribute value: a tensor of one element, f32 0 if missing
//   EyeLike(x[m, n])         attributes k int 0, dtype string (x's if missing)
//   Range(start, limit, delta)   scalars of one type
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "compiler/ops/elements.h"
#include "compiler/ops/rules.h"

namespace kedge::compiler {
namespace {

std::pair<int64_t, int64_t> ShapeRange(const Node& node, size_t rank_of_input) {
  const auto rank = static_cast<int64_t>(rank_of_input);
  const auto clamp = [rank](int64_t at) {
    return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  return {clamp(IntAttribute(node, "start", 0)), clamp(IntAttribute(node, "end", rank))};
}

Result<OutputTypes> InferShape(const Node& node, std::span<const Operand> operands) {
  const auto [start, end] = ShapeRange(node, operands[0].shape.rank());
  return OneOutput(DType::kI64, Shape{std::max<int64_t>(0, end - start)});
}

Status EvaluateShape(const Node& node, std::span<const Tensor* const> inputs,
                     std::span<Tensor> outputs) {
  const std::vector<int64_t> sizes = ShapeResult(node, inputs[0]->shape());
  std::copy(sizes.begin(), sizes.end(), outputs[0].As<int64_t>().begin());
  return {};
}

Result<OutputTypes> InferSize(const Node&, std::span<const Operand>) {
  return OneOutput(DType::kI64, Shape{});
}

Status EvaluateSize(const Node&, std::span<const Tensor* const> inputs, std::span<Tensor> outputs) {
  outputs[0].As<int64_t>()[0] = inputs[0]->elements();
  return {};
}

const Tensor* FillValue(const Node& node) {
  const auto found = node.attributes.find("value");
  if (found == node.attributes.end()) return nullptr;
  return std::get<std::shared_ptr<const Tensor>>(found->second).get();
}

Result<OutputTypes> InferConstantOfShape(const Node& node, std::span<const Operand> operands) {
  const Tensor* value = FillValue(node);
  if (value != nullptr && value->elements() != 1)
    return InvalidArgument("attribute 'value' needs one element");
  const DType dtype = value == nullptr ? DType::kF32 : value->dtype();
  if (operands[0].constant == nullptr) return OneUnknown(dtype);
  KEDGE_TRY(std::vector<int64_t> dims, ConstantInts(operands[0], "input"));
  return OneOutput(dtype, Shape(std::move(dims)));
}

Status EvaluateConstantOfShape(const Node& node, std::span<const Tensor* const>,
                               std::span<Tensor> outputs) {
  const Tensor* value = FillValue(node);
  if (value == nullptr) return {};
  const size_t size = DTypeSize(value->dtype());
  const auto bytes = outputs[0].mutable_bytes();
  for (size_t at = 0; at < bytes.size(); at += size)
    std::memcpy(bytes.data() + at, value->bytes().data(), size);
  return {};
}

Result<OutputTypes> InferEyeLike(const Node& node, std::span<const Operand> operands) {
  KEDGE_TRY_STATUS(RequireRank(operands[0], 2, "input"));
  const std::string dtype = StringAttribute(node, "dtype", "");
  if (dtype.empty()) return OneOutput(operands[0].dtype, operands[0].shape);
  KEDGE_TRY(const DType parsed, ParseDType(dtype));
  return OneOutput(parsed, operands[0].shape);
}

Status EvaluateEyeLike(const Node& node, std::span<const Tensor* const>,
                       std::span<Tensor> outputs) {
  const Shape& shape = outputs[0].shape();
  const int64_t k = IntAttribute(node, "k", 0);
  std::vector<int64_t> values(static_cast<size_t>(shape.elements()), 0);
  for (int64_t row = 0; row < shape[0]; ++row) {
    // Written so that no k overflows.
    if (k >= -row && k < shape[1] - row) values[static_cast<size_t>(row * shape[1] + row + k)] = 1;
  }
  if (IsFloat(outputs[0].dtype())) {
    WriteDoubles(std::vector<double>(values.begin(), values.end()), outputs[0]);
  } else {
    WriteIntegers(values, outputs[0]);
  }
  return {};
}

Result<OutputTypes> InferRange(const Node&, std::span<const Operand> operands) {
  for (const Operand& operand : operands) {
    KEDGE_TRY_STATUS(RequireSameType(operands[0], operand));
    if (operand.shape.elements() != 1 || operand.dtype == DType::kBool)
      return InvalidArgument("an input is not a numeric scalar");
  }
  for (const Operand& operand : operands) {
    if (operand.constant == nullptr) return OneUnknown(operand.dtype);
  }
  const double start = ElementAsDouble(*operands[0].constant, 0);
  const double limit = ElementAsDouble(*operands[1].constant, 0);
  const double delta = ElementAsDouble(*operands[2].constant, 0);
  const double count = std::ceil((limit - start) / delta);
  if (delta == 0 || std::isnan(count) || count > static_cast<double>(kElementsMax))
    return InvalidArgument("the range has no end");
  return OneOutput(operands[0].dtype, Shape{static_cast<int64_t>(std::max(0.0, count))});
}

Status EvaluateRange(const Node&, std::span<const Tensor* const> inputs,
                     std::span<Tensor> outputs) {
  const auto count = static_cast<size_t>(outputs[0].elements());
  if (IsFloat(outputs[0].dtype())) {
    const double start = ElementAsDouble(*inputs[0], 0);
    const double delta = ElementAsDouble(*inputs[2], 0);
    std::vector<double> values;
    for (size_t i = 0; i < count; ++i) values.push_back(start + static_cast<double>(i) * delta);
    WriteDoubles(values, outputs[0]);
    return {};
  }
  auto next = static_cast<uint64_t>(ReadIntegers(*inputs[0])[0]);
  const auto delta = static_cast<uint64_t>(ReadIntegers(*inputs[2])[0]);
  std::vector<int64_t> values;
  for (size_t i = 0; i < count; ++i, next += delta) values.push_back(static_cast<int64_t>(next));
  WriteIntegers(values, outputs[0]);
  return {};
}

}  // namespace

std::vector<int64_t> ShapeResult(const Node& node, const Shape& input) {
  const auto [start, end] = ShapeRange(node, input.rank());
  if (start >= end) return {};
  return {input.dims.begin() + start, input.dims.begin() + end};
}

OpSchema ShapeSchema(std::string_view) {
  return {.family = Family::kGenerator,
          .attributes = {{"start", AttributeKind::kInt}, {"end", AttributeKind::kInt}},
          .infer = InferShape,
          .evaluate = EvaluateShape};
}

OpSchema SizeSchema(std::string_view) {
  return {.family = Family::kGenerator, .infer = InferSize, .evaluate = EvaluateSize};
}

OpSchema ConstantOfShapeSchema(std::string_view) {
  return {.family = Family::kGenerator,
          .attributes = {{"value", AttributeKind::kTensor}},
          .infer = InferConstantOfShape,
          .evaluate = EvaluateConstantOfShape};
}

OpSchema EyeLikeSchema(std::string_view) {
  return {.family = Family::kGenerator,
          .attributes = {{"k", AttributeKind::kInt}, {"dtype", AttributeKind::kString}},
          .infer = InferEyeLike,
          .evaluate = EvaluateEyeLike};
}

OpSchema RangeSchema(std::string_view) {
  return {.family = Family::kGenerator,
          .inputs_min = 3,
          .inputs_max = 3,
          .infer = InferRange,
          .evaluate = EvaluateRange};
}

}  // namespace kedge::compiler
