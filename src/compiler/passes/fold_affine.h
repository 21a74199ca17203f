// Pass fold-affine: a scale or shift by a constant after a convolution or a product moves into its
// weights and bias; neighbouring scales and shifts by constants merge. Batch normalisation, which
// canonicalise has written as Mul and Add, is the usual case.
//
//   Mul(Conv(x, w, b), s)  ->  Conv(x, w * s, b * s)      s of one element, or one a channel
//   Add(Conv(x, w, b), t)  ->  Conv(x, w, b + t)
//   Mul(Mul(x, s), t)      ->  Mul(x, s * t)              and so for Add
//   Mul(Add(x, s), t)      ->  Add(Mul(x, t), s * t)
// and Sub and Div by a constant count as Add and Mul.
//
// Needs: shapes; canonical Conv, ConvTranspose (group 1 for a scale) and Gemm (without alpha and
// beta), before their epilogues are fused.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "compiler/pipeline.h"

namespace kedge::compiler {

// Cannot fail.
Status FoldAffine(Graph& graph, const PassOptions& options);

}  // namespace kedge::compiler
