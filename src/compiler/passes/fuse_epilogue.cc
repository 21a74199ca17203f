// SPDX-License-Identifier: Apache-2.0
#include "compiler/passes/fuse_epilogue.h"

#include <cmath>

#include "compiler/graph/uses.h"
#include "compiler/ops/epilogue.h"
#include "compiler/passes/edit.h"

namespace kedge::compiler {
namespace {

// One pass over the nodes. The table of uses is kept true as nodes are fused: a fused node stands
// at the index of the last one it took in.
class Fuser {
 public:
  explicit Fuser(Graph& graph) : graph_(graph), uses_(graph), removed_(graph.nodes.size(), false) {}

  void Run() {
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (removed_[i]) continue;
      if (graph_.nodes[i].op == "Add") {
        FuseResidual(i);
      } else if (graph_.nodes[i].op == "Mul") {
        FuseSilu(i);
      } else {
        FuseActivation(i);
      }
    }
    RemoveNodes(graph_, removed_);
  }

 private:
  Node& NodeAt(int index) { return graph_.nodes[static_cast<size_t>(index)]; }

  // The index of the node that makes the value, if it can take an epilogue without one so far.
  int OpenProducer(ValueId id) {
    if (id == kNoValue || graph_.at(id).dtype != DType::kF32) return -1;
    const int maker = uses_.producer[static_cast<size_t>(id)];
    if (maker < 0) return -1;
    const Node& node = NodeAt(maker);
    if (!FindOp(node.op)->takes_epilogue || node.outputs.size() != 1) return -1;
    return ReadEpilogue(node).activation == Activation::kNone ? maker : -1;
  }

  // Lets the node at `from` make what the node at `to` made, in its place.
  void Move(int from, size_t to) {
    const ValueId output = graph_.nodes[to].outputs[0];
    Node node = std::move(NodeAt(from));
    node.outputs = {output};
    for (ValueId id : node.inputs) MoveConsumer(id, from, static_cast<int>(to));
    graph_.nodes[to] = std::move(node);
    uses_.producer[static_cast<size_t>(output)] = static_cast<int>(to);
    removed_[static_cast<size_t>(from)] = true;
  }
  void MoveConsumer(ValueId id, int from, int to) {
    if (id == kNoValue) return;
    auto& consumers = uses_.consumers[static_cast<size_t>(id)];
    for (int& consumer : consumers) {
      if (consumer == from) consumer = to;
    }
  }

  void FuseResidual(size_t add) {
    const ValueId operands[] = {graph_.nodes[add].inputs[0], graph_.nodes[add].inputs[1]};
    int best = -1;
    for (int k = 0; k < 2; ++k) {
      const int maker = OpenProducer(operands[k]);
      if (maker < 0 || uses_.OnlyConsumer(operands[k]) != static_cast<int>(add)) continue;
      if (IntAttribute(NodeAt(maker), kResidualAttribute, 0) != 0) continue;
      if (graph_.at(operands[0]).shape != graph_.at(operands[1]).shape) continue;
      if (graph_.IsConstant(operands[1 - k])) continue;
      // Of two the later one, so that the other may run meanwhile as it stands.
      if (best < 0 || maker > uses_.producer[static_cast<size_t>(operands[best])]) best = k;
    }
    if (best < 0) return;
    const int maker = uses_.producer[static_cast<size_t>(operands[best])];
    Node& node = NodeAt(maker);
    const auto fixed = static_cast<size_t>(FindOp(node.op)->inputs_max);
    node.inputs.resize(fixed, kNoValue);
    node.inputs.push_back(operands[1 - best]);
    node.attributes[kResidualAttribute] = int64_t{1};
    Move(maker, add);
  }

  void FuseActivation(size_t index) {
    const Node& node = graph_.nodes[index];
    const auto epilogue = ReadUnary(node);
    if (!epilogue.has_value()) return;
    const ValueId x = node.inputs[0];
    const int maker = OpenProducer(x);
    if (maker < 0 || uses_.OnlyConsumer(x) != static_cast<int>(index)) return;
    WriteActivation(NodeAt(maker), *epilogue);
    Move(maker, index);
  }

  // The activation that an operator with one computed operand is.
  std::optional<Epilogue> ReadUnary(const Node& node) const {
    if (node.op == "Relu") return Epilogue{.activation = Activation::kRelu};
    if (node.op == "Sigmoid") return Epilogue{.activation = Activation::kSigmoid};
    if (node.op == "Tanh") return Epilogue{.activation = Activation::kTanh};
    if (node.op == "HardSwish") return Epilogue{.activation = Activation::kHardSwish};
    if (node.op == "LeakyRelu") {
      return Epilogue{.activation = Activation::kLeakyRelu,
                      .alpha = FloatAttribute(node, "alpha", 0.01f)};
    }
    if (node.op == "Elu")
      return Epilogue{.activation = Activation::kElu, .alpha = FloatAttribute(node, "alpha", 1)};
    if (node.op == "HardSigmoid") {
      return Epilogue{.activation = Activation::kHardSigmoid,
                      .alpha = FloatAttribute(node, "alpha", 0.2f),
                      .beta = FloatAttribute(node, "beta", 0.5f)};
    }
    if (node.op != "Clip") return std::nullopt;
    Epilogue clip{.activation = Activation::kClip, .min = -INFINITY, .max = INFINITY};
    for (size_t i = 1; i < node.inputs.size(); ++i) {
      if (node.inputs[i] == kNoValue) continue;
      const auto bound = ConstantScalar(graph_, node.inputs[i]);
      if (!bound.has_value() || std::isnan(*bound)) return std::nullopt;
      (i == 1 ? clip.min : clip.max) = *bound;
    }
    return clip;
  }

  // Mul(c, gate(c)) where the gate is a sigmoid, or the hard one of HardSwish.
  void FuseSilu(size_t mul) {
    const Node& node = graph_.nodes[mul];
    for (size_t k = 0; k < 2; ++k) {
      const ValueId x = node.inputs[k];
      const ValueId gated = node.inputs[1 - k];
      const int maker = OpenProducer(x);
      if (maker < 0 || gated == kNoValue || uses_.is_output[static_cast<size_t>(x)]) continue;
      const int gate = uses_.producer[static_cast<size_t>(gated)];
      if (gate < 0 || NodeAt(gate).inputs[0] != x ||
          uses_.OnlyConsumer(gated) != static_cast<int>(mul))
        continue;
      if (uses_.consumers[static_cast<size_t>(x)].size() != 2) continue;
      const auto activation = GateActivation(NodeAt(gate));
      if (!activation.has_value()) continue;
      removed_[static_cast<size_t>(gate)] = true;
      WriteActivation(NodeAt(maker), {.activation = *activation});
      Move(maker, mul);
      return;
    }
  }
  static std::optional<Activation> GateActivation(const Node& gate) {
    if (gate.op == "Sigmoid") return Activation::kSilu;
    const bool hard = gate.op == "HardSigmoid" &&
                      std::abs(FloatAttribute(gate, "alpha", 0.2f) - 1.0f / 6) < 1e-6f &&
                      FloatAttribute(gate, "beta", 0.5f) == 0.5f;
    return hard ? std::optional(Activation::kHardSwish) : std::nullopt;
  }

  Graph& graph_;
  Uses uses_;
  std::vector<bool> removed_;
};

}  // namespace

Status FuseEpilogue(Graph& graph, const PassOptions&) {
  Fuser(graph).Run();
  return {};
}

}  // namespace kedge::compiler
