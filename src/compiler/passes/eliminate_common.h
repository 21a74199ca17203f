// Pass eliminate-common: of nodes that compute the same from the same inputs one stays.
// Needs: nothing. Operators have no state, so equal nodes give equal results.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "compiler/pipeline.h"

namespace kedge::compiler {

// Cannot fail.
Status EliminateCommon(Graph& graph, const PassOptions& options);

}  // namespace kedge::compiler
