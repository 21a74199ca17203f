// From an imported graph to the graph that code is generated for.
//
// After the pipeline every shape is known, every operator is in the canonical form that its file in
// ops/ describes, and what can be computed before run time is a constant.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "compiler/graph/graph.h"

namespace kedge::compiler {

struct PassOptions {
  int64_t value_elements_max = int64_t{1} << 28;  // of one tensor
  double fold_work_max = 4e9;  // multiplications (a few ns each) that folding one node may take
};

struct Pass {
  std::string_view name;
  Status (*run)(Graph& graph, const PassOptions& options);
};

// The passes in their order.
std::span<const Pass> Pipeline();
// Null for a name that is none.
const Pass* FindPass(std::string_view name);

struct PassTime {
  std::string_view name;
  double seconds;
};

struct PipelineOptions {
  PassOptions passes;
  // Called after each pass with its name; empty for nothing.
  std::function<void(std::string_view pass, const Graph& graph)> after;
};

// Runs all passes; in builds with KEDGE_DEBUG_CHECKS the verifier runs after each. Errors are those
// of shape inference (kInvalidArgument, kUnimplemented, kResourceExhausted) with the node's name,
// kInternal if a pass broke the graph (naming the pass). Returns the time of each pass.
Result<std::vector<PassTime>> RunPipeline(Graph& graph, const PipelineOptions& options = {});

}  // namespace kedge::compiler
