// The compiler's door: an ONNX file becomes a compiled model in a folder.
//
//   model.so      code for one target, freestanding (api/kedge_model.h)
//   weights.bin   packed constants, mapped beside it; empty if there are none
//   report.json   what was made and how: inputs, outputs, sizes, the kernel of each node, times
//
// The trip: import -> passes (pipeline.h) -> plan (codegen/plan.h) -> kernels' source text -> clang
// and lld -> the object read back and checked -> the folder put in place by one rename.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/file.h"
#include "base/json/json.h"
#include "compiler/codegen/plan_builder.h"
#include "compiler/codegen/toolchain.h"
#include "compiler/graph/graph.h"

namespace kedge::compiler {

struct CompileOptions {
  Path model;   // an .onnx file
  Path output;  // the folder; one that a former run made is replaced, another is refused
  std::string target = "native";
  std::map<std::string, Shape> input_shapes;  // by input name
  std::vector<Shape> shapes_in_order;         // of all inputs, in the model's order
  std::string print_after;                    // a pass whose graph goes to `print`; "all" for each
  PlanOptions plan;
  bool keep_source = false;  // also write the generated source into output/source
  ToolchainOptions toolchain;
  std::function<void(std::string_view text)> print;      // of --print-after
  std::function<void(std::string_view phase)> on_phase;  // called as each phase starts
  std::function<void(std::string_view note)> on_note;    // what the import assumed
};

// Compiles. Gives the report, which stands in output/report.json too. Nothing is left behind on an
// error. Errors: of the import and the passes (import/import.h, pipeline.h); kInvalidArgument for
// an unknown target or pass; kUnimplemented naming the node that has no lowering; kAlreadyExists
// for an output folder that holds something else; kFailedPrecondition without a toolchain;
// kResourceExhausted for a full disk.
Result<json::Value> Compile(const CompileOptions& options);

}  // namespace kedge::compiler
