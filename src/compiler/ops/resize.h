// Resize resolved against the shape: for each output index of each dimension the input elements it
// reads with their weights. The result is the product over the dimensions.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "compiler/ops/op.h"

namespace kedge::compiler {

struct ResizeTap {
  int64_t index;
  double weight;
};
// One entry an output index.
using ResizeAxis = std::vector<std::vector<ResizeTap>>;

// One entry a dimension; a dimension that keeps its size has one tap of weight 1 an index. scales
// or sizes must be constant. Nearest: one tap; linear: at most 2; cubic: at most 4.
Result<std::vector<ResizeAxis>> ResolveResize(const Node& node, std::span<const Operand> operands);

}  // namespace kedge::compiler
