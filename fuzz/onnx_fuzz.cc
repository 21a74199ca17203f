// Any bytes as an ONNX model: imported, run through every pass and verified, with limits that keep
// one input fast. Nothing may crash, hang or allocate without bound.
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>

#include "compiler/graph/text.h"
#include "compiler/import/import.h"
#include "compiler/pipeline.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kedge::compiler;
  ImportOptions options;
  options.limits.nodes_max = 500;
  options.limits.values_max = 2000;
  options.limits.constant_bytes_max = 1 << 20;
  auto model = ImportOnnx({data, size}, options);
  if (!model.has_value()) return 0;
  const PipelineOptions pipeline{.passes = {.value_elements_max = 1 << 16, .fold_work_max = 1e6}};
  if (!RunPipeline(model->graph, pipeline).has_value()) return 0;
  if (!Verify(model->graph, true).has_value()) std::abort();
  const std::string text = PrintGraph(model->graph);
  const auto again = ParseGraph(text);
  if (!again.has_value() || PrintGraph(*again) != text) std::abort();
  return 0;
}
