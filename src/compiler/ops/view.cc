// The same elements in the same order under another shape: no code at run time.
//
//   Reshape(x, shape)       shape: i64 input; 0 copies x's size (unless allowzero int is 1), -1 is
//                           what is left
//   Flatten(x)              axis int 1: to a matrix
//   Squeeze(x, axes?)       axes: i64 input; absent means every dimension of size 1
//   Unsqueeze(x, axes)
//   Identity(x), Dropout(x, ratio?, training_mode?)   the same; Dropout's mask is not supported
// Pass canonicalise leaves only Reshape with a constant shape without 0 and -1.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "compiler/ops/elements.h"
#include "compiler/ops/rules.h"

namespace kedge::compiler {
namespace {

Status EvaluateView(const Node&, std::span<const Tensor* const> inputs, std::span<Tensor> outputs) {
  const Bytes bytes = inputs[0]->bytes();
  std::copy(bytes.begin(), bytes.end(), outputs[0].mutable_bytes().begin());
  return {};
}

Result<OutputTypes> InferReshape(const Node& node, std::span<const Operand> operands) {
  const Operand& x = operands[0];
  if (operands[1].constant == nullptr) {
    KEDGE_TRY_STATUS(RequireType(operands[1], DType::kI64, "shape"));
    return OneUnknown(x.dtype);
  }
  KEDGE_TRY(std::vector<int64_t> dims, ConstantInts(operands[1], "shape"));
  if (dims.size() > kRankMax) return InvalidArgument("the new shape has too many dimensions");
  const bool allow_zero = IntAttribute(node, "allowzero", 0) != 0;
  int64_t* free = nullptr;
  int64_t product = 1;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 0 && !allow_zero) {
      if (i >= x.shape.rank())
        return InvalidArgument("size 0 copies a dimension that is not there");
      dims[i] = x.shape[i];
    }
    if (dims[i] == -1 && free == nullptr) {
      free = &dims[i];
      continue;
    }
    if (dims[i] < 0 || (dims[i] > 0 && product > kElementsMax / dims[i]))
      return InvalidArgument("the new shape has the size " + std::to_string(dims[i]));
    product *= dims[i];
  }
  const int64_t elements = x.shape.elements();
  if (free != nullptr && product > 0) {
    *free = elements / product;
    product *= *free;
  }
  if (free != nullptr && *free == -1) return InvalidArgument("size -1 has no single meaning");
  if (product != elements) {
    return InvalidArgument("a tensor of shape " + ToString(x.shape) + " does not reshape to " +
                           ToString(Shape(dims)));
  }
  return OneOutput(x.dtype, Shape(std::move(dims)));
}

Result<OutputTypes> InferFlatten(const Node& node, std::span<const Operand> operands) {
  const std::vector<int64_t>& dims = operands[0].shape.dims;
  KEDGE_TRY(const int64_t axis, ResolveAxis(IntAttribute(node, "axis", 1), dims.size(), true));
  const auto split = static_cast<size_t>(axis);
  return OneOutput(operands[0].dtype,
                   Shape{ProductOf(dims, 0, split), ProductOf(dims, split, dims.size())});
}

Result<OutputTypes> InferSqueeze(const Node&, std::span<const Operand> operands) {
  const Operand& x = operands[0];
  KEDGE_TRY(auto given, AxesOperand(operands));
  if (!given.has_value()) return OneUnknown(x.dtype);
  KEDGE_TRY(const std::vector<int64_t> axes, ResolveAxes(*given, x.shape.rank()));
  Shape shape;
  for (size_t i = 0; i < x.shape.rank(); ++i) {
    const bool named = std::binary_search(axes.begin(), axes.end(), static_cast<int64_t>(i));
    if (named && x.shape[i] != 1) {
      return InvalidArgument("dimension " + std::to_string(i) + " of " + ToString(x.shape) +
                             " is not 1");
    }
    if (!named && (operands[1].present || x.shape[i] != 1)) shape.dims.push_back(x.shape[i]);
  }
  return OneOutput(x.dtype, std::move(shape));
}

Result<OutputTypes> InferUnsqueeze(const Node&, std::span<const Operand> operands) {
  const Operand& x = operands[0];
  KEDGE_TRY(auto given, AxesOperand(operands));
  if (!given.has_value()) return OneUnknown(x.dtype);
  const size_t rank = x.shape.rank() + given->size();
  if (rank > kRankMax) return InvalidArgument("the result has rank " + std::to_string(rank));
  KEDGE_TRY(const std::vector<int64_t> axes, ResolveAxes(*given, rank));
  Shape shape;
  size_t next = 0;
  for (size_t i = 0; i < rank; ++i) {
    const bool added = std::binary_search(axes.begin(), axes.end(), static_cast<int64_t>(i));
    shape.dims.push_back(added ? 1 : x.shape[next++]);
  }
  return OneOutput(x.dtype, std::move(shape));
}

Result<OutputTypes> InferSame(const Node&, std::span<const Operand> operands) {
  return OneOutput(operands[0].dtype, operands[0].shape);
}

Result<OutputTypes> InferDropout(const Node& node, std::span<const Operand> operands) {
  const Operand& training = operands[2];
  if (training.present && training.shape.elements() != 1)
    return InvalidArgument("input 'training_mode' is not a scalar");
  if (training.present &&
      (training.constant == nullptr || ElementAsDouble(*training.constant, 0) != 0))
    return Unimplemented("dropout in training mode is not supported");
  return InferSame(node, operands);
}

OpSchema View(int inputs_min, int inputs_max, InferFunction infer) {
  return {.family = Family::kView,
          .inputs_min = inputs_min,
          .inputs_max = inputs_max,
          .infer = infer,
          .evaluate = EvaluateView};
}

}  // namespace

OpSchema ReshapeSchema(std::string_view) {
  OpSchema schema = View(2, 2, InferReshape);
  schema.attributes = {{"allowzero", AttributeKind::kInt}};
  return schema;
}

OpSchema FlattenSchema(std::string_view) {
  OpSchema schema = View(1, 1, InferFlatten);
  schema.attributes = {{"axis", AttributeKind::kInt}};
  return schema;
}

OpSchema SqueezeSchema(std::string_view) { return View(1, 2, InferSqueeze); }
OpSchema UnsqueezeSchema(std::string_view) { return View(2, 2, InferUnsqueeze); }
OpSchema IdentitySchema(std::string_view) { return View(1, 1, InferSame); }

OpSchema DropoutSchema(std::string_view) {
  OpSchema schema = View(1, 3, InferDropout);
  schema.attributes = {{"seed", AttributeKind::kInt}};
  return schema;
}

}  // namespace kedge::compiler
