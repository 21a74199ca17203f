// Brings a node of any opset from 6 to 21 into the form of the newest one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "compiler/graph/graph.h"

namespace kedge::compiler {

// Appends nodes in canonical form to a graph under construction.
class NodeConverter {
 public:
  NodeConverter(Graph& graph, int opset) : graph_(graph), opset_(opset) {}

  // Appends what the node is in the newest form: one node, several, or none if it is a constant.
  // The node's outputs are made (or get their constant). Element types in attributes are ONNX's
  // numbers before and names ("f32") after.
  // Errors: kInvalidArgument for an attribute of the wrong kind, kUnimplemented for a form that is
  // not supported; the node is not named.
  Status Append(Node node);

 private:
  using Rule = Status (NodeConverter::*)(Node& node);
  struct RuleEntry;
  static const RuleEntry kRules[];

  Status AxesToInput(Node& node);
  Status BatchNormalization(Node& node);
  Status BroadcastAttribute(Node& node);
  Status Cast(Node& node);
  Status Clip(Node& node);
  Status Constant(Node& node);
  Status Dropout(Node& node);
  Status DTypeAttribute(Node& node);
  Status Gemm(Node& node);
  Status Pad(Node& node);
  Status PReluSlope(Node& node);
  Status Resize(Node& node);
  Status Scatter(Node& node);
  Status Slice(Node& node);
  Status Softmax(Node& node);
  Status SplitSizes(Node& node);
  Status Upsample(Node& node);

  // Moves an ints attribute to the input at `index`, if it is there.
  Status AttributeToInput(Node& node, const std::string& attribute, size_t index);
  // A scalar constant of the type of `like`.
  Result<ValueId> ScalarLike(ValueId like, const std::string& name, float value);
  // Infers shapes of what was appended so far. kUnimplemented if the value's type is not known.
  Status RequireType(ValueId id);
  void SetInput(Node& node, size_t index, ValueId id);
  void Emit(Node node) { graph_.nodes.push_back(std::move(node)); }

  Graph& graph_;
  const int opset_;
  size_t inferred_ = 0;  // nodes before this one have been given types where that was possible
};

}  // namespace kedge::compiler
