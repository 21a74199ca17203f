// The back half of the compiler: from a graph that has been through the pipeline to the folder of a
// compiled model.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/json/json.h"
#include "compiler/codegen/plan_builder.h"
#include "compiler/codegen/toolchain.h"
#include "compiler/graph/graph.h"
#include "compiler/target/target.h"

namespace kedge::compiler {

// The time of each phase, in their order. One runs at a time.
class Phases {
 public:
  // `on_phase`, if set, is called with each phase's name as it starts.
  explicit Phases(std::function<void(std::string_view phase)> on_phase = {})
      : on_phase_(std::move(on_phase)) {}
  // Ends the running phase.
  void Start(std::string name);
  void Stop();
  // A time measured elsewhere; ends the running phase.
  void Add(const std::string& name, double seconds) {
    Stop();
    seconds_.Set(name, seconds);
  }
  const json::Object& seconds() const { return seconds_; }

 private:
  std::function<void(std::string_view)> on_phase_;
  json::Object seconds_;
  std::string name_;
  std::chrono::steady_clock::time_point start_;
};

struct GenerateOptions {
  Path output;
  bool keep_source = false;  // also write the generated source into output/source
  PlanOptions plan;
  ToolchainOptions toolchain;
};

// Writes the folder (compile.h) and gives its report. Nothing is left behind on an error. Errors:
// kUnimplemented naming the node that has no lowering; kAlreadyExists for an output folder that
// holds something else; kFailedPrecondition without a toolchain; kInternal if generated code does
// not compile or the object is not as it should be; kResourceExhausted for a full disk.
Result<json::Value> Generate(const Graph& graph, const Target& target,
                             const GenerateOptions& options, Phases& phases);

}  // namespace kedge::compiler
