// Pass canonicalise: one way to say each thing, so that later passes and the code generator meet
// fewer forms.
//
//   * Flatten, Squeeze, Unsqueeze, and Reshape with 0 or -1 become Reshape to a constant shape
//     (allowzero 1 if it has zeros). A Reshape or Expand whose shape is computed at run time stays:
//     the model declared its result, and generated code must check it.
//   * What changes nothing goes: Identity, Dropout, Cast to the same type, full Slice, zero Pad,
//   ...
//   * Convolutions and pools have explicit kernel_shape, strides, dilations, pads and group.
//   * axis attributes are not negative; reductions have a constant input of sorted axes.
//   * MatMul with a matrix on the right becomes Gemm; Gemm's alpha and beta fold into constant
//     operands, and a constant C that is one row has shape [n].
//   * BatchNormalization with constant parameters becomes Mul and Add.
//   * Sum, Mean, Max, Min have two operands; a mean over space is GlobalAveragePool.
//   * Reshape of Reshape and Transpose of Transpose are one.
// Needs: shapes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "compiler/pipeline.h"

namespace kedge::compiler {

// Cannot fail but for kInternal.
Status Canonicalise(Graph& graph, const PassOptions& options);

}  // namespace kedge::compiler
