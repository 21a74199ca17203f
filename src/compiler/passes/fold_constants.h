// Pass fold-constants: evaluates nodes whose inputs are all constant with the reference
// interpreter. Their outputs become constants and the nodes go.
// Needs: shapes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "compiler/pipeline.h"

namespace kedge::compiler {

// kResourceExhausted if a constant would need more than options.constant_bytes_max bytes; errors of
// the evaluation name the node. A node that would take very long is left for run time.
Status FoldConstants(Graph& graph, const PassOptions& options);

}  // namespace kedge::compiler
