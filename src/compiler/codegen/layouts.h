// Chooses how each value lies in memory: channel-blocked islands with halos for chains of
// convolutions, row-major elsewhere.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "compiler/codegen/plan_builder.h"

namespace kedge::compiler {

// The layout of each value, by ValueId. Graph inputs, graph outputs and constants get the plain
// layout, as does every value that no fast kernel both makes and reads.
LayoutTable AssignLayouts(const Graph& graph, const Target& target);

}  // namespace kedge::compiler
