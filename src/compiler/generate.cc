// SPDX-License-Identifier: Apache-2.0
#include "compiler/generate.h"

#include <fcntl.h>

#include "compiler/codegen/model_source.h"
#include "compiler/codegen/object_check.h"
#include "compiler/codegen/plan_builder.h"
#include "compiler/codegen/weights_file.h"
#include "compiler/output_folder.h"
#include "compiler/report.h"

namespace kedge::compiler {
namespace {

Status KeepSource(const Plan& plan, const std::string& model_source, const Path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return ErrnoError(error.value(), "making " + folder.string());
  auto write = [&](const std::string& name, const std::string& text) -> Status {
    KEDGE_TRY(const FileDescriptor fd, OpenFile(folder / name, O_WRONLY | O_CREAT | O_TRUNC));
    return WriteAll(fd.get(), AsBytes(text));
  };
  for (const Step& step : plan.steps) {
    KEDGE_TRY_STATUS(write(Toolchain::KernelName(step.source) + ".cc", step.source));
  }
  return write("model.cc", model_source);
}

}  // namespace

void Phases::Start(std::string name) {
  Stop();
  name_ = std::move(name);
  start_ = std::chrono::steady_clock::now();
  if (on_phase_) on_phase_(name_);
}

void Phases::Stop() {
  if (name_.empty()) return;
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start_;
  Add(std::exchange(name_, {}), taken.count());
}

Result<json::Value> Generate(const Graph& graph, const Target& target,
                             const GenerateOptions& options, Phases& phases) {
  phases.Start("plan");
  KEDGE_TRY(const Plan plan, BuildPlan(graph, target, options.plan));

  KEDGE_TRY(OutputFolder output, OutputFolder::Make(options.output));
  KEDGE_TRY(const TemporaryDirectory work, TemporaryDirectory::Make());
  KEDGE_TRY(Toolchain toolchain, Toolchain::Make(target, options.toolchain, work.path()));
  phases.Start("kernels");
  KEDGE_TRY(const BuildCounts counts, toolchain.CompileKernels(plan));
  phases.Start("weights");
  KEDGE_TRY(const std::string weights_hash, WriteWeights(plan, output.path() / "weights.bin"));

  phases.Start("link");
  std::vector<std::string> kernels;
  for (const Step& step : plan.steps) kernels.push_back(Toolchain::KernelName(step.source));
  const std::string model_source = WriteModelSource(graph, target, plan, kernels,
                                                    {.compiler = CompilerVersion(),
                                                     .model_hash = graph.model_hash,
                                                     .weights_hash = weights_hash});
  KEDGE_TRY_STATUS(toolchain.CompileModel(model_source));
  KEDGE_TRY_STATUS(toolchain.Link(output.path() / "model.so"));
  if (options.keep_source) {
    KEDGE_TRY_STATUS(KeepSource(plan, model_source, output.path() / "source"));
  }

  phases.Start("check");
  KEDGE_TRY(const MappedFile object, MappedFile::Open(output.path() / "model.so"));
  KEDGE_TRY(const ObjectFacts facts, CheckObject(object.bytes(), target));
  phases.Stop();

  json::Object report =
      MakeReport(graph, target, plan, {facts.code_bytes, object.bytes().size()}, counts);
  report.Set("weights_hash", weights_hash);
  report.Set("seconds", phases.seconds());
  KEDGE_TRY_STATUS(output.Write("report.json", json::WritePretty(report)));
  KEDGE_TRY_STATUS(output.Commit());
  return json::Value(std::move(report));
}

}  // namespace kedge::compiler
