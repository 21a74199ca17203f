// Slice and Pad with their i64 inputs resolved against the shape: what passes and the code
// generator need of them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "compiler/ops/op.h"

namespace kedge::compiler {

// One entry a dimension of the input: result[i] = x[start + i * step], `size` of them.
struct SliceRange {
  int64_t start = 0;
  int64_t step = 1;
  int64_t size = 0;
};
// All inputs after the first must be constant. kInvalidArgument as the schema says.
Result<std::vector<SliceRange>> ResolveSlice(std::span<const Operand> operands);

// Elements added (or, if negative, cut) at both ends of each dimension.
struct PadAmounts {
  std::vector<int64_t> begin;
  std::vector<int64_t> end;
};
// pads and axes must be constant.
Result<PadAmounts> ResolvePad(std::span<const Operand> operands);

}  // namespace kedge::compiler
