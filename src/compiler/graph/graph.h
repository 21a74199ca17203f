// The compiler's intermediate representation: a graph of nodes over values in static single
// assignment form.
//
// A value is a tensor that is a graph input, a constant, or one output of one node. Nodes stand in
// an order in which every value is made before it is used. Operators are ONNX's, in the form of the
// newest opset we read: differences between opsets die at import (an axis that was an attribute and
// became an input is always an input or always an attribute here; see the operator's file in ops/).
// What fusion adds to an operator are attributes of ours, "kedge.activation" and others
// (ops/epilogue.h).
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
#include <optional>
#include <string>
#include <unordered_map>
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

// Order of the alternatives above.
enum class AttributeKind : uint8_t { kInt, kFloat, kString, kInts, kFloats, kStrings, kTensor };
inline AttributeKind KindOf(const Attribute& attribute) {
  return static_cast<AttributeKind>(attribute.index());
}
// "int", "float", "string", "ints", "floats", "strings", "tensor".
const char* AttributeKindName(AttributeKind kind);

struct Value {
  std::string name;  // unique in the graph; from the model where it has one. Never reaches
                     // generated source text. Set by AddValue only.
  DType dtype = DType::kF32;
  Shape shape;
  bool shape_known = false;             // set by infer-shapes (or for inputs and constants)
  std::optional<Shape> declared_shape;  // what the model says; taken where the shape depends on
                                        // values that only run time knows
  std::shared_ptr<const Tensor>
      constant;  // shared and immutable; null if it is computed at run time
};

struct Node {
  std::string op;    // the operator's name: "Conv"
  std::string name;  // the model's name of the node, for messages and reports; may be empty
  Attributes attributes;
  std::vector<ValueId> inputs;   // kNoValue where an optional input is absent
  std::vector<ValueId> outputs;  // kNoValue where an optional output is not wanted
};

// "node 'conv1' (Conv)": how messages name a node.
std::string Describe(const Node& node);

struct Graph {
  std::vector<Value> values;    // values nobody uses any more may remain; they cost nothing
  std::vector<Node> nodes;      // in execution order
  std::vector<ValueId> inputs;  // graph inputs in the model's order, initialisers excluded
  std::vector<ValueId> outputs;
  std::string model_hash;  // SHA-256 of the source file, hexadecimal

  Value& at(ValueId id) { return values[static_cast<size_t>(id)]; }
  const Value& at(ValueId id) const { return values[static_cast<size_t>(id)]; }
  // Appends a value whose shape is known; a name that is taken or empty gets a number.
  ValueId AddValue(std::string name, DType dtype, Shape shape);
  // The same without type: for an output of a node before shape inference.
  ValueId AddUntyped(std::string name);
  ValueId AddConstant(std::string name, Tensor tensor);
  ValueId AddConstant(std::string name, std::shared_ptr<const Tensor> tensor);
  // A one-dimensional i64 constant: axes, sizes, pads.
  ValueId AddIndices(std::string name, const std::vector<int64_t>& indices);
  bool IsConstant(ValueId id) const { return id != kNoValue && at(id).constant != nullptr; }
  // Index of the node that makes the value, or -1 for inputs and constants. O(nodes); build a table
  // for loops (graph/uses.h).
  int Producer(ValueId id) const;

 private:
  std::string UniqueName(std::string name);
  std::unordered_map<std::string, int> name_uses_;  // next number to try for each name in use
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

// Input i of a node, or kNoValue if there are fewer or it is absent.
inline ValueId InputOf(const Node& node, size_t i) {
  return i < node.inputs.size() ? node.inputs[i] : kNoValue;
}

// The elements of a constant i64 or i32 value: axes, sizes, pads. KEDGE_CHECK that it is one.
std::vector<int64_t> ConstantIndices(const Graph& graph, ValueId id);

// The verifier: every id in range, every value made once and before its use, names unique,
// constants of the type and shape their value says, operators known, attribute kinds right, and, if
// `shapes` is set, every shape known and equal to what shape inference gives. kInternal naming the
// node and value. Runs after each pass in builds with KEDGE_DEBUG_CHECKS.
Status Verify(const Graph& graph, bool shapes);

}  // namespace kedge::compiler
