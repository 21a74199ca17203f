// SPDX-License-Identifier: Apache-2.0
#include "compiler/passes/canonicalise.h"

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

void RemoveIdentities(Graph& graph) {
  std::vector<bool> removed(graph.nodes.size(), false);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.op == "Identity") removed[i] = BypassNode(graph, node, node.inputs[0]);
  }
  RemoveNodes(graph, removed);
}

}  // namespace

Status Canonicalise(Graph& graph, const PassOptions&) {
  ApplyRules(graph);
  RemoveIdentities(graph);
  MergePairs(graph);
  RemoveIdentities(graph);
  return {};
}

}  // namespace kedge::compiler
