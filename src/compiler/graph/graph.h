// The compiler's intermediate representation: a graph of nodes over values in static single
// assignment form.
//
// A value is a tensor that is a graph input, a constant, or one output of one node. Nodes stand in
// an order in which every value is made before it is used. Operators are ONNX's, in the form of the
// newest opset we read: differences between opsets die at import (an axis that was an attribute and
// became an input is always an input or always an attribute here; see the operator's file in ops/).
// Fused forms are operators of ours in the domain "kedge".
//
// The graph prints as text and parses back equal (graph/text.h):
//
//   graph (%x: f32[1x3x8x8]) {
//     %w = const f32[4x3x3x3] {...}
//     %y = Conv(%x, %w) {pads = [1, 1, 1, 1], strides = [1, 1]} : f32[1x4x8x8]
//     return %y
//   }
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "tensor/tensor.h"

namespace kedge::compiler {

// Index into Graph::values. kNoValue stands for an optional input that is absent.
using ValueId = int32_t;
constexpr ValueId kNoValue = -1;

// Attribute kinds: what ONNX has, without graphs, sequences and sparse tensors (an importer refuses
// those).
using Attribute =
    std::variant<int64_t, float, std::string, std::vector<int64_t>, std::vector<float>,
                 std::vector<std::string>, std::shared_ptr<const Tensor>>;
using Attributes = std::map<std::string, Attribute>;

struct Value {
  std::string name;  // unique in the graph; from the model where it has one. Never reaches
                     // generated source text.
  DType dtype = DType::kF32;
  Shape shape;
  bool shape_known = false;  // set by infer-shapes (or for inputs and constants)
  std::shared_ptr<const Tensor>
      constant;  // shared and immutable; null if it is computed at run time
};

struct Node {
  std::string op;    // the operator's name: "Conv"; fused forms of ours: "kedge.FusedConv"
  std::string name;  // the model's name of the node, for messages and reports; may be empty
  Attributes attributes;
  std::vector<ValueId> inputs;   // kNoValue where an optional input is absent
  std::vector<ValueId> outputs;  // kNoValue where an optional output is not wanted
};

struct Graph {
  std::vector<Value> values;
  std::vector<Node> nodes;      // in execution order
  std::vector<ValueId> inputs;  // graph inputs in the model's order, initialisers excluded
  std::vector<ValueId> outputs;
  std::string model_hash;  // SHA-256 of the source file, hexadecimal

  Value& at(ValueId id) { return values[static_cast<size_t>(id)]; }
  const Value& at(ValueId id) const { return values[static_cast<size_t>(id)]; }
  // Appends a value; a name that is taken gets a number.
  ValueId AddValue(std::string name, DType dtype, Shape shape);
  ValueId AddConstant(std::string name, Tensor tensor);
  bool IsConstant(ValueId id) const { return id != kNoValue && at(id).constant != nullptr; }
  // Index of the node that makes the value, or -1 for inputs and constants. O(nodes); build a table
  // for loops (graph/uses.h).
  int Producer(ValueId id) const;
};

// Attribute readers with a default; KEDGE_CHECK on a wrong kind, which the importer and parser have
// refused before.
int64_t IntAttribute(const Node& node, const std::string& name, int64_t other);
float FloatAttribute(const Node& node, const std::string& name, float other);
std::string StringAttribute(const Node& node, const std::string& name, const std::string& other);
std::vector<int64_t> IntsAttribute(const Node& node, const std::string& name,
                                   const std::vector<int64_t>& other = {});
std::vector<float> FloatsAttribute(const Node& node, const std::string& name,
                                   const std::vector<float>& other = {});

// The verifier: every id in range, every value made once and before its use, names unique,
// constants of the type and shape their value says, operators known, attribute kinds right, and, if
// `shapes` is set, every shape known and equal to what shape inference gives. kInternal naming the
// node and value. Runs after each pass in builds with KEDGE_DEBUG_CHECKS.
Status Verify(const Graph& graph, bool shapes);

}  // namespace kedge::compiler
