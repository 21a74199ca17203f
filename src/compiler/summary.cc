// SPDX-License-Identifier: Apache-2.0
#include "compiler/summary.h"

#include "compiler/import/import.h"
#include "compiler/pipeline.h"

namespace kedge::compiler {

namespace {

json::Array Tensors(const Graph& graph, const std::vector<ValueId>& values) {
  json::Array rows;
  for (const ValueId id : values) {
    const Value& value = graph.at(id);
    json::Object row({{"name", value.name}});
    if (value.shape_known) {
      row.Set("dtype", DTypeName(value.dtype));
      row.Set("shape", json::Array(value.shape.dims.begin(), value.shape.dims.end()));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

Result<json::Value> Summarise(const Path& model, const std::map<std::string, Shape>& input_shapes) {
  ImportOptions options;
  options.input_shapes = input_shapes;
  KEDGE_TRY(ImportedModel imported, ImportOnnxFile(model, std::move(options)));
  Graph& graph = imported.graph;
  std::map<std::string, int64_t> counts;
  for (const Node& node : graph.nodes) ++counts[node.op];
  int64_t parameters = 0;
  for (const Value& value : graph.values)
    parameters += value.constant != nullptr ? value.constant->elements() : 0;

  // For the outputs' shapes; a model whose shapes cannot be told has a summary all the same.
  if (const Pass* infer = FindPass("infer-shapes"); infer != nullptr)
    (void)infer->run(graph, {}).has_value();
  json::Object operators;
  for (const auto& [name, count] : counts) operators.Set(name, count);
  return json::Value(
      json::Object({{"format", "ONNX"},
                    {"model_hash", graph.model_hash},
                    {"inputs", Tensors(graph, graph.inputs)},
                    {"outputs", Tensors(graph, graph.outputs)},
                    {"parameters", parameters},
                    {"operators", std::move(operators)},
                    {"notes", json::Array(imported.notes.begin(), imported.notes.end())}}));
}

}  // namespace kedge::compiler
