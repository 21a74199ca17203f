// Compiles a graph and runs the object in this process with everything guarded that a kernel could
// get wrong without changing a result.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "compiler/generate.h"
#include "compiler/graph/graph.h"
#include "tensor/tensor.h"

namespace kedge::compiler {

// Appends all of `part` to `whole`; names that are taken get numbers.
void AppendGraph(const Graph& part, Graph& whole);

struct CompiledRunOptions {
  std::string target = "native";  // one that this machine runs
  PlanOptions plan;
};

// What the compiled graph gives for the inputs. The arena and outputs hold 0xff before each run,
// and canaries stand behind every buffer. It runs three times: alone, again, and with its tasks
// handed out backwards as by another thread; kInternal if the results differ by a bit, a canary
// changed or an input did. Other errors: those of Generate, and the message of a failed run.
Result<std::vector<Tensor>> RunCompiled(const Graph& graph, std::span<const Tensor> inputs,
                                        const CompiledRunOptions& options = {});

}  // namespace kedge::compiler
