// Pass fold-constants: evaluates nodes whose inputs are all constant with the reference
// interpreter. Their outputs become constants and the nodes go.
// Needs: shapes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "compiler/pipeline.h"

namespace kedge::compiler {

// Errors of the evaluation (an index out of range) name the node. A node that would take more than
// options.fold_work_max is left for run time.
Status FoldConstants(Graph& graph, const PassOptions& options);

}  // namespace kedge::compiler
