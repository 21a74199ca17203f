// SPDX-License-Identifier: Apache-2.0
#include "compiler/report.h"

#include <algorithm>
#include <set>

namespace kedge::compiler {
namespace {

json::Array Tensors(const Graph& graph, const std::vector<ValueId>& values) {
  json::Array rows;
  for (ValueId id : values) {
    const Value& value = graph.at(id);
    json::Array shape(value.shape.dims.begin(), value.shape.dims.end());
    rows.push_back(json::Object{{"name", value.name},
                                {"dtype", DTypeName(value.dtype)},
                                {"shape", std::move(shape)},
                                {"bytes", StorageBytes(value.dtype, value.shape, {})}});
  }
  return rows;
}

// The paths of the steps that compute a node, in their order, each once; a node without a step only
// names bytes anew.
std::vector<std::string> NodePaths(const Graph& graph, const Plan& plan) {
  std::vector<std::string> paths(graph.nodes.size());
  std::vector<std::set<std::string>> seen(graph.nodes.size());
  for (const Step& step : plan.steps) {
    for (int32_t node : step.nodes) {
      const auto at = static_cast<size_t>(node);
      if (!seen[at].insert(step.path).second) continue;
      paths[at] += (paths[at].empty() ? "" : " + ") + step.path;
    }
  }
  for (std::string& path : paths) {
    if (path.empty()) path = "view";
  }
  return paths;
}

}  // namespace

json::Object MakeReport(const Graph& graph, const Target& target, const Plan& plan,
                        const Sizes& sizes, const BuildCounts& counts) {
  const std::vector<std::string> paths = NodePaths(graph, plan);
  json::Array nodes, steps;
  int64_t generic = 0;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    generic += paths[i].find("generic") != std::string::npos ? 1 : 0;
    nodes.push_back(json::Object{
        {"name", graph.nodes[i].name}, {"op", graph.nodes[i].op}, {"kernel", paths[i]}});
  }
  for (const Step& step : plan.steps) {
    json::Array of(step.nodes.begin(), step.nodes.end());
    steps.push_back(
        json::Object{{"kernel", step.path}, {"tasks", step.tasks}, {"nodes", std::move(of)}});
  }
  return json::Object{{"compiler", CompilerVersion()},
                      {"target", target.name},
                      {"cpu_features", target.cpu_features},
                      {"model_hash", graph.model_hash},
                      {"inputs", Tensors(graph, graph.inputs)},
                      {"outputs", Tensors(graph, graph.outputs)},
                      {"arena_bytes", plan.arena_bytes},
                      {"weights_bytes", plan.weights_bytes},
                      {"code_bytes", sizes.code_bytes},
                      {"object_bytes", sizes.object_bytes},
                      {"kernels", static_cast<uint64_t>(counts.kernels)},
                      {"kernels_compiled", static_cast<uint64_t>(counts.compiled)},
                      {"generic_nodes", generic},
                      {"nodes", std::move(nodes)},
                      {"steps", std::move(steps)}};
}

std::string CompilerVersion() { return "kedge-compile " KEDGE_VERSION; }

}  // namespace kedge::compiler
