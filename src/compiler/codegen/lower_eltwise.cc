// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/lower_eltwise.h"

#include <algorithm>
#include <map>
#include <set>

#include "compiler/codegen/expression.h"
#include "compiler/codegen/loop_nest.h"
#include "compiler/codegen/lowering.h"
#include "compiler/ops/elements.h"

namespace kedge::compiler {
namespace {

// BatchNormalization's parameters belong to dimension 1, not to the last.
bool IsPerChannel(const Node& node, size_t input) {
  return node.op == "BatchNormalization" && input > 0;
}

std::vector<int64_t> OperandStrides(const Node& node, size_t input, const Shape& from,
                                    const Shape& to) {
  if (!IsPerChannel(node, input)) return BroadcastStrides(from, to);
  std::vector<int64_t> strides(to.rank(), 0);
  if (to.rank() > 1) strides[1] = 1;
  return strides;
}

// Joins each node to the group of its consumers, from the last node to the first.
class Grouping {
 public:
  Grouping(const Graph& graph, const std::vector<bool>& taken) : graph_(graph), taken_(taken) {
    leaders_.resize(graph.nodes.size());
    members_.resize(graph.nodes.size());
    consumers_.resize(graph.values.size());
    is_output_.resize(graph.values.size());
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      leaders_[i] = static_cast<int32_t>(i);
      members_[i] = {static_cast<int32_t>(i)};
      for (ValueId input : graph.nodes[i].inputs) {
        if (input != kNoValue) {
          consumers_[static_cast<size_t>(input)].push_back(static_cast<int32_t>(i));
        }
      }
    }
    for (ValueId output : graph.outputs) is_output_[static_cast<size_t>(output)] = true;
    for (size_t i = graph.nodes.size(); i-- > 0;) Join(static_cast<int32_t>(i));
  }
  std::vector<std::vector<int32_t>> Take() && {
    for (auto& members : members_) std::sort(members.begin(), members.end());
    return std::move(members_);
  }

 private:
  const Node& NodeAt(int32_t i) const { return graph_.nodes[static_cast<size_t>(i)]; }

  bool Fusible(int32_t i) const {
    const Node& node = NodeAt(i);
    return IsEltwise(node) && node.outputs.size() == 1 && !taken_[static_cast<size_t>(i)];
  }

  void Join(int32_t i) {
    if (!Fusible(i)) return;
    const ValueId result = NodeAt(i).outputs[0];
    const auto& readers = consumers_[static_cast<size_t>(result)];
    if (is_output_[static_cast<size_t>(result)] || readers.empty()) return;
    const int32_t leader = leaders_[static_cast<size_t>(readers[0])];
    for (int32_t reader : readers) {
      if (leaders_[static_cast<size_t>(reader)] != leader || !Fusible(reader)) return;
    }
    const Node& last = NodeAt(leader);
    if (!Fusible(leader) || graph_.at(last.outputs[0]).shape != graph_.at(result).shape) return;
    auto& group = members_[static_cast<size_t>(leader)];
    if (group.size() >= kGroupNodesMax || OperandsWith(group, i) > kGroupOperandsMax) return;
    group.push_back(i);
    leaders_[static_cast<size_t>(i)] = leader;
    members_[static_cast<size_t>(i)].clear();
  }

  size_t OperandsWith(const std::vector<int32_t>& group, int32_t more) const {
    std::set<ValueId> operands;
    auto add = [&](int32_t i) {
      for (ValueId input : NodeAt(i).inputs) operands.insert(input);
    };
    for (int32_t i : group) add(i);
    add(more);
    return operands.size();
  }

  const Graph& graph_;
  const std::vector<bool>& taken_;
  std::vector<int32_t> leaders_;
  std::vector<std::vector<int32_t>> members_;
  std::vector<std::vector<int32_t>> consumers_;
  std::vector<bool> is_output_;
};

// One operand of the fused loop.
struct LoopOperand {
  ValueId value = kNoValue;
  std::vector<int64_t> strides;
};

// The loop of one group: operands, statements, and the kernel around them.
class GroupLoop {
 public:
  GroupLoop(const std::vector<int32_t>& group, PlanBuilder& builder)
      : group_(group), builder_(builder), result_(Last().outputs[0]) {}

  Status Lower() {
    for (int32_t i : group_) KEDGE_TRY_STATUS(AddNode(NodeAt(i)));
    PutInPlaceFirst();
    Step step;
    step.path = "generic-eltwise";
    step.nodes = group_;
    step.writes = {builder_.WritePlain(result_)};
    for (size_t i : order_) step.reads.push_back(builder_.ReadPlain(operands_[i].value));
    step.in_place = in_place_;
    WriteKernel(step);
    builder_.Add(std::move(step));
    return {};
  }

 private:
  const Node& NodeAt(int32_t i) const { return builder_.graph().nodes[static_cast<size_t>(i)]; }
  const Node& Last() const { return NodeAt(group_.back()); }
  const Value& result() const { return builder_.value(result_); }

  Status AddNode(const Node& node) {
    std::vector<Argument> arguments;
    arguments.reserve(node.inputs.size());
    for (size_t input = 0; input < node.inputs.size(); ++input) {
      arguments.push_back(ArgumentOf(node, input));
    }
    const Value& output = builder_.value(node.outputs[0]);
    KEDGE_TRY(std::string expression,
              PrintExpression(node, builder_.graph(), arguments, output.dtype));
    const std::string name = Text("t", statements_.size());
    const std::string_view element = ElementType(output.dtype);
    // Through the element's type, so that a fused chain rounds as an unfused one does.
    statements_.push_back(Text("const ", ComputeType(output.dtype), " ", name, " = static_cast<",
                               element, ">(", expression, ");"));
    computed_[node.outputs[0]] = name;
    return {};
  }

  Argument ArgumentOf(const Node& node, size_t input) {
    const ValueId id = node.inputs[input];
    // CastLike's second input gives a type only.
    if (id == kNoValue || (node.op == "CastLike" && input == 1)) return {};
    const DType dtype = builder_.value(id).dtype;
    if (auto local = computed_.find(id); local != computed_.end()) return {local->second, dtype};
    LoopOperand operand{id, OperandStrides(node, input, builder_.value(id).shape, result().shape)};
    for (size_t i = 0; i < operands_.size(); ++i) {
      if (operands_[i].value == id && operands_[i].strides == operand.strides) {
        return {Text("a", i), dtype};
      }
    }
    operands_.push_back(std::move(operand));
    return {Text("a", operands_.size() - 1), dtype};
  }

  // An operand that the result may overwrite goes first; which one dies here is not known yet, so
  // the first that no later node reads is taken.
  void PutInPlaceFirst() {
    for (size_t i = 0; i < operands_.size(); ++i) order_.push_back(i);
    for (size_t i = 0; i < operands_.size(); ++i) {
      const Value& value = builder_.value(operands_[i].value);
      const bool same = value.shape == result().shape && value.constant == nullptr &&
                        DTypeSize(value.dtype) == DTypeSize(result().dtype);
      if (!same || ReadLater(operands_[i].value)) continue;
      std::swap(order_[0], order_[i]);
      in_place_ = true;
      return;
    }
  }

  bool ReadLater(ValueId id) const {
    const auto& nodes = builder_.graph().nodes;
    for (size_t i = static_cast<size_t>(group_.back()) + 1; i < nodes.size(); ++i) {
      if (std::find(nodes[i].inputs.begin(), nodes[i].inputs.end(), id) != nodes[i].inputs.end()) {
        return true;
      }
    }
    return false;
  }

  void WriteKernel(Step& step) {
    LoopNest nest;
    nest.sizes = result().shape.dims;
    nest.strides.push_back(RowMajorStrides(result().shape));
    for (size_t i : order_) nest.strides.push_back(operands_[i].strides);
    nest.Collapse();
    const uint64_t elements = static_cast<uint64_t>(nest.Iterations());
    step.tasks = TaskCount(elements * DTypeSize(result().dtype) * nest.strides.size(),
                           elements * statements_.size() * 4, nest.sizes[0]);

    Source source({"elementary.h"});
    source.OpenKernel(1, order_.size());
    WriteOuterLoops(source, nest, step.tasks, [&](const std::vector<std::string>& offsets) {
      WriteInnerLoop(source, nest, offsets);
    });
    source.Close();
    step.source = std::move(source).Take();
  }

  void WriteInnerLoop(Source& source, const LoopNest& nest,
                      const std::vector<std::string>& offsets) {
    const size_t inner = nest.sizes.size() - 1;
    source.Line(Text("auto* y = reinterpret_cast<", ElementType(result().dtype), "*>(p0) + ",
                     offsets[0], ";"));
    std::vector<std::string> in_loop;
    for (size_t t = 0; t < order_.size(); ++t) {
      const DType dtype = builder_.value(operands_[order_[t]].value).dtype;
      const int64_t stride = nest.strides[t + 1][inner];
      source.Line(Text("const auto* x", t, " = reinterpret_cast<const ", ElementType(dtype), "*>(p",
                       t + 1, ") + ", offsets[t + 1], ";"));
      const std::string load =
          Text("const ", ComputeType(dtype), " a", order_[t], " = x", t,
               stride == 0 ? "[0];" : (stride == 1 ? "[i];" : Text("[i * ", stride, "];")));
      if (stride == 0) {
        source.Line(load);
      } else {
        in_loop.push_back(load);
      }
    }
    source.Line("KEDGE_VECTORIZE");
    source.Open("for (int64_t i = begin; i < end; ++i)");
    for (const std::string& line : in_loop) source.Line(line);
    for (const std::string& statement : statements_) source.Line(statement);
    source.Line(Text("y[i] = t", statements_.size() - 1, ";"));
    source.Close();
  }

  const std::vector<int32_t>& group_;
  PlanBuilder& builder_;
  const ValueId result_;
  std::vector<LoopOperand> operands_;
  std::vector<size_t> order_;  // of the reads: indices into operands_
  bool in_place_ = false;
  std::vector<std::string> statements_;
  std::map<ValueId, std::string> computed_;
};

}  // namespace

std::vector<std::vector<int32_t>> GroupEltwise(const Graph& graph, const std::vector<bool>& taken) {
  return Grouping(graph, taken).Take();
}

Status LowerEltwiseGroup(const std::vector<int32_t>& group, PlanBuilder& builder) {
  return GroupLoop(group, builder).Lower();
}

Status LowerEltwise(const Node& node, PlanBuilder& builder) {
  const auto index = static_cast<int32_t>(&node - builder.graph().nodes.data());
  return LowerEltwiseGroup({index}, builder);
}

}  // namespace kedge::compiler
