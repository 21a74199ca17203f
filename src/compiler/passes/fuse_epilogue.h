// Pass fuse-epilogue: the sum with a residual and the activation after a convolution or product
// become its epilogue (ops/epilogue.h).
//
//   Relu(Conv(x))            ->  Conv {activation relu}
//   Relu(Add(Conv(x), r))    ->  Conv(x, ..., r) {residual, activation relu}
//   Mul(c, Sigmoid(c)), c = Conv(x)   ->  Conv {activation silu}
//
// f32 only. With a residual the node moves to where the Add stood, since r may be made later.
// Needs: shapes; biases folded (fold-affine), since nothing can follow an epilogue.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "compiler/pipeline.h"

namespace kedge::compiler {

// Cannot fail.
Status FuseEpilogue(Graph& graph, const PassOptions& options);

}  // namespace kedge::compiler
