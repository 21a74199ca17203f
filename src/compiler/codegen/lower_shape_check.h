// Operators whose shape is an input of the model: the code is made for the shape that the model
// declares, and a run that asks for another is refused before anything is read by it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "compiler/codegen/plan_builder.h"

namespace kedge::compiler {

// For Reshape, Expand and ConstantOfShape: adds a step that compares the shape they are given with
// the shape of the output, if that input is only known at run time. It fails with
// KEDGE_RUN_INVALID_ARGUMENT.
void AddShapeCheck(const Node& node, PlanBuilder& builder);

}  // namespace kedge::compiler
