// SPDX-License-Identifier: Apache-2.0
#include "compiler/testing/onnx_cases.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "compiler/import/import.h"
#include "compiler/import/tensor_import.h"
#include "compiler/ops/interpreter.h"
#include "compiler/pipeline.h"

namespace kedge::compiler {
namespace {

CaseResult FromError(const Error& error) {
  const bool refused = error.code == Code::kUnimplemented;
  return {refused ? CaseOutcome::kRefused : CaseOutcome::kFailed, error.message};
}

// "" or what differs, for all outputs.
std::string CompareAll(const Result<std::vector<Tensor>>& got, const std::vector<Tensor>& want) {
  if (!got) return got.error().message;
  for (size_t i = 0; i < want.size(); ++i) {
    const std::string difference = Compare((*got)[i], want[i]);
    if (!difference.empty()) return "output " + std::to_string(i) + ": " + difference;
  }
  return "";
}

}  // namespace

std::vector<OnnxCase> FindOnnxCases(const Path& folder) {
  std::vector<OnnxCase> cases;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (std::filesystem::exists(entry.path() / "model.onnx"))
      cases.push_back({entry.path().filename().string(), entry.path()});
  }
  std::sort(cases.begin(), cases.end(),
            [](const OnnxCase& a, const OnnxCase& b) { return a.name < b.name; });
  return cases;
}

Result<std::vector<Tensor>> ReadCaseTensors(const Path& folder, const std::string& kind) {
  std::vector<Tensor> tensors;
  PosixFileSystem files;
  for (int i = 0;; ++i) {
    const Path path = folder / "test_data_set_0" / (kind + "_" + std::to_string(i) + ".pb");
    if (!files.Exists(path)) return tensors;
    KEDGE_TRY(const ByteBuffer bytes, files.Read(path, uint64_t{1} << 30));
    auto message = ReadOnnxTensor(bytes);
    if (!message) return Unimplemented(path.filename().string() + " is no tensor");
    KEDGE_TRY(Tensor tensor, ImportTensor(*message, ExternalFolder({}), int64_t{1} << 30));
    tensors.push_back(std::move(tensor));
  }
}

std::string Compare(const Tensor& got, const Tensor& want) {
  if (got.dtype() != want.dtype() || got.shape() != want.shape()) {
    return "got " + std::string(DTypeName(got.dtype())) + " " + ToString(got.shape()) + ", want " +
           std::string(DTypeName(want.dtype())) + " " + ToString(want.shape());
  }
  if (!IsFloat(got.dtype())) {
    const bool equal = std::equal(got.bytes().begin(), got.bytes().end(), want.bytes().begin());
    return equal ? "" : "integers differ";
  }
  const bool narrow = got.dtype() == DType::kF16 || got.dtype() == DType::kBf16;
  const double relative = narrow ? 1e-2 : 1e-3;
  for (int64_t i = 0; i < got.elements(); ++i) {
    const double a = ElementAsDouble(got, i);
    const double b = ElementAsDouble(want, i);
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    if (std::abs(a - b) <= 1e-5 + relative * std::abs(b)) continue;
    return "element " + std::to_string(i) + " is " + std::to_string(a) + ", want " +
           std::to_string(b);
  }
  return "";
}

CaseResult RunCase(const Path& folder) {
  auto model = ImportOnnxFile(folder / "model.onnx", {});
  if (!model) return FromError(model.error());
  const auto inputs = ReadCaseTensors(folder, "input");
  if (!inputs) return FromError(inputs.error());
  const auto outputs = ReadCaseTensors(folder, "output");
  if (!outputs) return FromError(outputs.error());
  Graph& graph = model->graph;
  if (outputs->empty() || inputs->size() < graph.inputs.size())
    return {CaseOutcome::kFailed, "the case has no outputs or too few inputs"};
  const std::span<const Tensor> operands(inputs->data(), graph.inputs.size());
  const auto as_imported = RunGraph(graph, operands);
  if (!as_imported && as_imported.error().code == Code::kUnimplemented)
    return FromError(as_imported.error());
  std::string difference = CompareAll(as_imported, *outputs);
  if (!difference.empty()) return {CaseOutcome::kFailed, "as imported: " + difference};
  PipelineOptions options;
  const bool small = graph.nodes.size() < 100;
  options.after = [&](std::string_view pass, const Graph& after) {
    if (!difference.empty() || (!small && pass != Pipeline().back().name)) return;
    const std::string now = CompareAll(RunGraph(after, operands), *outputs);
    if (!now.empty()) difference = "after " + std::string(pass) + ": " + now;
  };
  const auto times = RunPipeline(graph, options);
  if (!times) return FromError(times.error());
  if (!difference.empty()) return {CaseOutcome::kFailed, difference};
  return {CaseOutcome::kPassed, ""};
}

}  // namespace kedge::compiler
