// Pass infer-shapes: gives every value its element type and shape.
//
// Shapes often hang on small integer computations over other shapes (Shape, Gather, Concat,
// Reshape); the pass evaluates those on the way, and their nodes are gone afterwards.
// Needs: an imported graph. Afterwards every shape is known.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "compiler/pipeline.h"

namespace kedge::compiler {

// kInvalidArgument for shapes that do not fit, kResourceExhausted for a tensor of more elements
// than options.value_elements_max, kUnimplemented where a shape depends on values that
// only run time knows and the model does not declare it. Errors name the node.
Status InferShapes(Graph& graph, const PassOptions& options);

// Types of one node's outputs. True if the outputs became constants, so that the node must go.
Result<bool> InferOutputs(Graph& graph, const Node& node);

}  // namespace kedge::compiler
