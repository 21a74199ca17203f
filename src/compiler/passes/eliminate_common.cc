// SPDX-License-Identifier: Apache-2.0
#include "compiler/passes/eliminate_common.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "compiler/passes/edit.h"

namespace kedge::compiler {
namespace {

// Short integer constants (axes, shapes) count as equal by value, others by identity.
constexpr int64_t kComparedElementsMax = 64;

class Numbering {
 public:
  explicit Numbering(const Graph& graph) : graph_(graph) {}

  // The same number for values that are known to be equal.
  ValueId operator()(ValueId id) {
    if (!graph_.IsConstant(id)) return id;
    const Tensor& tensor = *graph_.at(id).constant;
    if (IsFloat(tensor.dtype()) || tensor.elements() > kComparedElementsMax) return id;
    std::tuple key(tensor.dtype(), tensor.shape().dims, ToBuffer(tensor.bytes()));
    return first_.try_emplace(std::move(key), id).first->second;
  }

 private:
  const Graph& graph_;
  std::map<std::tuple<DType, std::vector<int64_t>, ByteBuffer>, ValueId> first_;
};

}  // namespace

Status EliminateCommon(Graph& graph, const PassOptions&) {
  Numbering number(graph);
  using Key = std::tuple<std::string, Attributes, std::vector<ValueId>, size_t>;
  std::map<Key, size_t> first;
  std::vector<ValueId> replaced(graph.values.size());
  for (size_t i = 0; i < replaced.size(); ++i) replaced[i] = static_cast<ValueId>(i);
  std::vector<bool> is_output(graph.values.size(), false);
  for (ValueId id : graph.outputs) is_output[static_cast<size_t>(id)] = true;
  std::vector<bool> removed(graph.nodes.size(), false);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    Node& node = graph.nodes[i];
    std::vector<ValueId> numbers;
    for (ValueId& id : node.inputs) {
      if (id != kNoValue) id = replaced[static_cast<size_t>(id)];
      numbers.push_back(id == kNoValue ? kNoValue : number(id));
    }
    const bool fixed = std::any_of(node.outputs.begin(), node.outputs.end(), [&](ValueId id) {
      return id == kNoValue || is_output[static_cast<size_t>(id)];
    });
    const auto [found, is_new] =
        first.try_emplace(Key{node.op, node.attributes, numbers, node.outputs.size()}, i);
    if (is_new || fixed) continue;
    const Node& kept = graph.nodes[found->second];
    if (std::count(kept.outputs.begin(), kept.outputs.end(), kNoValue) > 0) continue;
    for (size_t k = 0; k < node.outputs.size(); ++k)
      replaced[static_cast<size_t>(node.outputs[k])] = kept.outputs[k];
    removed[i] = true;
  }
  RemoveNodes(graph, removed);
  return {};
}

}  // namespace kedge::compiler
