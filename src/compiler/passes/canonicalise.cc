// SPDX-License-Identifier: Apache-2.0
#include "compiler/passes/canonicalise.h"

#include <algorithm>

#include "compiler/graph/uses.h"
#include "compiler/passes/canonicalise_rules.h"
#include "compiler/passes/edit.h"

namespace kedge::compiler {
namespace {

CanonicalRule FindRule(std::string_view op) {
  if (CanonicalRule rule = FindViewRule(op)) return rule;
  if (CanonicalRule rule = FindWindowRule(op)) return rule;
  return FindProductRule(op);
}

void ApplyRules(Graph& graph) {
  std::vector<Node> nodes = std::move(graph.nodes);
  std::vector<Node> out;
  for (Node& node : nodes) {
    if (CanonicalRule rule = FindRule(node.op)) {
      rule(graph, std::move(node), out);
    } else {
      out.push_back(std::move(node));
    }
  }
  graph.nodes = std::move(out);
}

std::vector<int64_t> Compose(const std::vector<int64_t>& first, const std::vector<int64_t>& then) {
  std::vector<int64_t> perm;
  for (int64_t axis : then) perm.push_back(first[static_cast<size_t>(axis)]);
  return perm;
}

// Reshape of Reshape, Transpose of Transpose: the second reads what the first did.
void MergePairs(Graph& graph) {
  const Uses uses(graph);
  for (Node& node : graph.nodes) {
    if (node.op != "Reshape" && node.op != "Transpose") continue;
    const int maker = uses.producer[static_cast<size_t>(node.inputs[0])];
    if (maker < 0) continue;
    const Node& first = graph.nodes[static_cast<size_t>(maker)];
    if (first.op != node.op) continue;
    if (node.op == "Reshape" &&
        !(graph.IsConstant(first.inputs[1]) && graph.IsConstant(node.inputs[1])))
      continue;
    if (node.op == "Transpose")
      node.attributes["perm"] = Compose(IntsAttribute(first, "perm"), IntsAttribute(node, "perm"));
    node.inputs[0] = first.inputs[0];
    const bool same_shape = graph.at(node.inputs[0]).shape == graph.at(node.outputs[0]).shape;
    bool nothing = node.op == "Reshape" && same_shape;
    if (node.op == "Transpose") {
      const std::vector<int64_t> perm = IntsAttribute(node, "perm");
      nothing = true;
      for (size_t i = 0; i < perm.size(); ++i) nothing &= perm[i] == static_cast<int64_t>(i);
    }
    if (nothing) node = AsIdentity(std::move(node));
  }
}

// Takes Identity nodes out in one walk: their readers read the input, or, where the result is a
// graph output, the maker of the input makes that. An output that is an input, a constant or an
// output under another name keeps its node.
class IdentityRemover {
 public:
  explicit IdentityRemover(Graph& graph)
      : graph_(graph), uses_(graph), removed_(graph.nodes.size(), false) {
    for (size_t i = 0; i < graph.values.size(); ++i) names_.push_back(static_cast<ValueId>(i));
  }

  void Run() {
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (graph_.nodes[i].op == "Identity") removed_[i] = Bypass(graph_.nodes[i]);
    }
    for (Node& node : graph_.nodes) {
      for (ValueId& id : node.inputs) id = Resolve(id);
    }
    RemoveNodes(graph_, removed_);
  }

 private:
  // What a value is called now. A result is named after a value that was resolved, which may be
  // renamed to a graph output once: at most two steps.
  ValueId Resolve(ValueId id) const {
    while (id != kNoValue && names_[static_cast<size_t>(id)] != id) {
      id = names_[static_cast<size_t>(id)];
    }
    return id;
  }

  bool Bypass(const Node& node) {
    const ValueId from = node.outputs[0], to = Resolve(node.inputs[0]);
    if (!uses_.is_output[static_cast<size_t>(from)]) {
      names_[static_cast<size_t>(from)] = to;
      return true;
    }
    const int maker = uses_.producer[static_cast<size_t>(to)];
    if (maker < 0 || uses_.is_output[static_cast<size_t>(to)]) return false;
    auto& outputs = graph_.nodes[static_cast<size_t>(maker)].outputs;
    std::replace(outputs.begin(), outputs.end(), to, from);
    uses_.producer[static_cast<size_t>(from)] = maker;
    names_[static_cast<size_t>(to)] = from;
    return true;
  }

  Graph& graph_;
  Uses uses_;
  std::vector<bool> removed_;
  std::vector<ValueId> names_;  // by value: itself, or the value that stands for it
};

void RemoveIdentities(Graph& graph) { IdentityRemover(graph).Run(); }

}  // namespace

Status Canonicalise(Graph& graph, const PassOptions&) {
  ApplyRules(graph);
  RemoveIdentities(graph);
  MergePairs(graph);
  RemoveIdentities(graph);
  return {};
}

}  // namespace kedge::compiler
