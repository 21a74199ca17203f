// Gives every arena and weights buffer of a plan its offset.
//
// A buffer lives from the first step that names it to the last. Buffers whose lives overlap get
// disjoint bytes of the arena; others may share. Placed largest first, each at the lowest free
// offset among those already placed that live with it: within a few percent of the lower bound on
// networks. Before that, an in-place step's output is merged with an input that dies there.
// Source: Pisarchyk, Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020
// (greedy by size).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "compiler/codegen/plan.h"

namespace kedge::compiler {

constexpr uint64_t kBufferAlign = 64;

// Sets `offset` of every arena and weights buffer, `arena_bytes` and `weights_bytes`. Every arena
// buffer must be written before it is read.
void PlanMemory(Plan& plan);

}  // namespace kedge::compiler
