// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/lower_fast.h"

namespace kedge::compiler {

Result<bool> LowerFast(const Node&, PlanBuilder&) { return false; }

}  // namespace kedge::compiler
