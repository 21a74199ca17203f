// Pass remove-dead-nodes: drops nodes whose results nobody reads, outputs nobody reads (where the
// operator's form allows it: trailing ones) and the elements of constants nobody reads.
// Needs: nothing.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "compiler/pipeline.h"

namespace kedge::compiler {

// Cannot fail.
Status RemoveDeadNodes(Graph& graph, const PassOptions& options);

}  // namespace kedge::compiler
