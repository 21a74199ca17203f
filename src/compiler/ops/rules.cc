// SPDX-License-Identifier: Apache-2.0
#include "compiler/ops/rules.h"

#include <algorithm>

namespace kedge::compiler {

Result<Shape> BroadcastShapes(const Shape& a, const Shape& b) {
  const size_t rank = std::max(a.rank(), b.rank());
  Shape shape(std::vector<int64_t>(rank, 1));
  for (size_t i = 0; i < rank; ++i) {
    const int64_t left = i + a.rank() < rank ? 1 : a[i + a.rank() - rank];
    const int64_t right = i + b.rank() < rank ? 1 : b[i + b.rank() - rank];
    if (left != right && left != 1 && right != 1)
      return InvalidArgument("shapes " + ToString(a) + " and " + ToString(b) + " do not broadcast");
    shape.dims[i] = left == 1 ? right : left;
  }
  return shape;
}

Result<int64_t> ResolveAxis(int64_t axis, size_t rank, bool end_allowed) {
  const auto limit = static_cast<int64_t>(rank);
  const int64_t end = limit + (end_allowed ? 1 : 0);
  if (axis < -limit || axis >= end) {
    return InvalidArgument("axis " + std::to_string(axis) + " is out of range for rank " +
                           std::to_string(rank));
  }
  return axis < 0 ? axis + limit : axis;
}

Result<std::vector<int64_t>> ResolveAxes(std::vector<int64_t> axes, size_t rank) {
  for (int64_t& axis : axes) {
    KEDGE_TRY(axis, ResolveAxis(axis, rank));
  }
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end())
    return InvalidArgument("an axis is named twice");
  return axes;
}

Result<std::vector<int64_t>> ConstantInts(const Operand& operand, std::string_view what) {
  if (operand.dtype != DType::kI64 && operand.dtype != DType::kI32) {
    return InvalidArgument("input '" + std::string(what) + "' is " +
                           std::string(DTypeName(operand.dtype)) + ", needs i64");
  }
  if (operand.shape.rank() > 1)
    return InvalidArgument("input '" + std::string(what) + "' has rank " +
                           std::to_string(operand.shape.rank()) + ", needs 1");
  KEDGE_CHECK(operand.constant != nullptr);
  if (operand.dtype == DType::kI64) {
    const auto elements = operand.constant->As<int64_t>();
    return std::vector<int64_t>(elements.begin(), elements.end());
  }
  const auto elements = operand.constant->As<int32_t>();
  return std::vector<int64_t>(elements.begin(), elements.end());
}

Status RequireType(const Operand& operand, DType dtype, std::string_view what) {
  if (operand.dtype == dtype) return {};
  return InvalidArgument("input '" + std::string(what) + "' is " +
                         std::string(DTypeName(operand.dtype)) + ", needs " +
                         std::string(DTypeName(dtype)));
}

Status RequireSameType(const Operand& a, const Operand& b) {
  if (a.dtype == b.dtype) return {};
  return InvalidArgument("inputs have different types: " + std::string(DTypeName(a.dtype)) +
                         " and " + std::string(DTypeName(b.dtype)));
}

Status RequireFloat(const Operand& operand, std::string_view what) {
  if (IsFloat(operand.dtype)) return {};
  return InvalidArgument("input '" + std::string(what) + "' is " +
                         std::string(DTypeName(operand.dtype)) + ", needs a float type");
}

Status RequireRank(const Operand& operand, size_t rank, std::string_view what) {
  if (operand.shape.rank() == rank) return {};
  return InvalidArgument("input '" + std::string(what) + "' has rank " +
                         std::to_string(operand.shape.rank()) + ", needs " + std::to_string(rank));
}

Result<std::optional<std::vector<int64_t>>> AxesOperand(std::span<const Operand> operands) {
  using Axes = std::optional<std::vector<int64_t>>;
  if (operands.size() < 2 || !operands[1].present) return Axes(std::vector<int64_t>());
  if (operands[1].constant == nullptr) return Axes();
  KEDGE_TRY(std::vector<int64_t> axes, ConstantInts(operands[1], "axes"));
  return Axes(std::move(axes));
}

int64_t ProductOf(const std::vector<int64_t>& dims, size_t begin, size_t end) {
  int64_t product = 1;
  for (size_t i = begin; i < end; ++i) product *= dims[i];
  return product;
}

}  // namespace kedge::compiler
