// The fast kernels: lowers a node to the templates of src/kernels if they cover it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "compiler/codegen/plan_builder.h"

namespace kedge::compiler {

// True if the node was lowered; false leaves the builder as it was and the node to its generic
// lowering.
Result<bool> LowerFast(const Node& node, PlanBuilder& builder);

}  // namespace kedge::compiler
