// What the shape rules of the operators share.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "compiler/ops/op.h"

namespace kedge::compiler {

using OutputTypes = std::vector<OutputType>;

inline OutputTypes OneOutput(DType dtype, Shape shape) { return {{dtype, std::move(shape)}}; }
// The shape depends on values that only run time knows.
inline OutputTypes OneUnknown(DType dtype) { return {{dtype, std::nullopt}}; }

// NumPy's broadcast: aligned at the last dimension, 1 stretches. kInvalidArgument naming both.
Result<Shape> BroadcastShapes(const Shape& a, const Shape& b);
// -rank <= axis < rank (or <= rank if `end_allowed`) to 0 <= axis. kInvalidArgument otherwise.
Result<int64_t> ResolveAxis(int64_t axis, size_t rank, bool end_allowed = false);
// The same for a list, which must name each axis at most once. Sorted.
Result<std::vector<int64_t>> ResolveAxes(std::vector<int64_t> axes, size_t rank);
// The elements of a constant i64 or i32 operand of rank 0 or 1. kInvalidArgument for another type.
Result<std::vector<int64_t>> ConstantInts(const Operand& operand, std::string_view what);
// kInvalidArgument: "input 'what' is f32, needs i64".
Status RequireType(const Operand& operand, DType dtype, std::string_view what);
Status RequireSameType(const Operand& a, const Operand& b);
Status RequireFloat(const Operand& operand, std::string_view what);
// kInvalidArgument: "input 'what' has rank 2, needs 4".
Status RequireRank(const Operand& operand, size_t rank, std::string_view what);

// "axes" of the reducing and the squeezing operators: input 1, which may be absent.
// Not known (nullopt) if it is computed at run time.
Result<std::optional<std::vector<int64_t>>> AxesOperand(std::span<const Operand> operands);

// What operator Shape gives for an input of this shape.
std::vector<int64_t> ShapeResult(const Node& node, const Shape& input);

// Product of dims[begin, end).
int64_t ProductOf(const std::vector<int64_t>& dims, size_t begin, size_t end);

}  // namespace kedge::compiler
