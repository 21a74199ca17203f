// SPDX-License-Identifier: Apache-2.0
#include "compiler/compile.h"

#include "compiler/generate.h"
#include "compiler/graph/text.h"
#include "compiler/import/import.h"
#include "compiler/pipeline.h"

namespace kedge::compiler {
namespace {

constexpr int64_t kPrintedConstantMax = 16;

Status CheckPassName(const CompileOptions& options) {
  const std::string& name = options.print_after;
  if (name.empty() || name == "all" || name == "import" || FindPass(name) != nullptr) return {};
  std::string known = "import, ";
  for (const Pass& pass : Pipeline()) known += std::string(pass.name) + ", ";
  return InvalidArgument("pass '" + name + "' is not one of " + known + "all");
}

void PrintIfAsked(const CompileOptions& options, std::string_view pass, const Graph& graph) {
  if (!options.print || (options.print_after != "all" && options.print_after != pass)) return;
  options.print("# after " + std::string(pass) + "\n" +
                PrintGraph(graph, {.constant_elements_max = kPrintedConstantMax}));
}

}  // namespace

Result<json::Value> Compile(const CompileOptions& options) {
  KEDGE_TRY_STATUS(CheckPassName(options));
  KEDGE_TRY(const Target target, FindTarget(options.target));
  Phases phases(options.on_phase);
  phases.Start("import");
  ImportOptions import;
  import.input_shapes = options.input_shapes;
  import.shapes_in_order = options.shapes_in_order;
  KEDGE_TRY(ImportedModel model, ImportOnnxFile(options.model, std::move(import)));
  for (const std::string& note : model.notes) {
    if (options.on_note) options.on_note(note);
  }
  PrintIfAsked(options, "import", model.graph);

  phases.Start("passes");
  PipelineOptions pipeline;
  pipeline.after = [&](std::string_view pass, const Graph& graph) {
    PrintIfAsked(options, pass, graph);
  };
  KEDGE_TRY(const std::vector<PassTime> times, RunPipeline(model.graph, pipeline));
  for (const PassTime& time : times) {
    phases.Add("pass " + std::string(time.name), time.seconds);
  }
  return Generate(model.graph, target,
                  {.output = options.output,
                   .keep_source = options.keep_source,
                   .plan = options.plan,
                   .toolchain = options.toolchain},
                  phases);
}

}  // namespace kedge::compiler
