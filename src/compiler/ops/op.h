// What the compiler knows of one operator: its schema, its shape rule and its reference evaluation.
//
// Operators are listed once, in op_list.inc; each names the function that gives its schema. The
// form is ONNX's newest (opset 21); import/opset.cc turns older forms into it. The file of each
// operator says which attributes and inputs it takes in this canonical form.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "compiler/graph/graph.h"

namespace kedge::compiler {

// One emitter of the code generator serves one family.
enum class Family : uint8_t {
  kEltwise,    // one result from the operands' elements at one (broadcast) index
  kReduce,     // reductions, softmax, normalisation: rows
  kWindow,     // convolution, pooling, LRN
  kMatMul,     // Gemm, MatMul
  kIndexMap,   // copies under an index expression
  kView,       // the same bytes under another shape
  kGenerator,  // no tensor input that matters: folded or cheap
};
const char* FamilyName(Family family);

struct AttributeSpec {
  std::string_view name;
  AttributeKind kind;
  bool required = false;
};

// What is known of an input when shapes are inferred.
struct Operand {
  bool present = false;
  DType dtype = DType::kF32;
  Shape shape;
  const Tensor* constant = nullptr;  // borrowed; null if it is computed at run time
};

// What is known of an output: no shape if it depends on values that only run time knows.
struct OutputType {
  DType dtype = DType::kF32;
  std::optional<Shape> shape;
};

// Operands and inputs are padded with absent ones up to OpSchema::inputs_max (not for variadic
// operators), so a rule may look at each by its index. Errors are kInvalidArgument or
// kUnimplemented and name the value; the caller adds the node.
using InferFunction = Result<std::vector<OutputType>> (*)(const Node& node,
                                                          std::span<const Operand> operands);
// `outputs` have the types that inference gave, all elements zero. Inputs have passed inference.
// Errors: what only the values show, such as an index out of range.
using EvaluateFunction = Status (*)(const Node& node, std::span<const Tensor* const> inputs,
                                    std::span<Tensor> outputs);

constexpr int kVariadic = 1 << 20;

struct OpSchema {
  std::string_view name;  // set by the registry
  Family family = Family::kEltwise;
  int inputs_min = 1;  // this many must be present
  int inputs_max = 1;  // or kVariadic
  int outputs_min = 1;
  int outputs_max = 1;  // or kVariadic
  std::vector<AttributeSpec> attributes = {};
  bool takes_epilogue = false;  // ops/epilogue.h
  InferFunction infer = nullptr;
  EvaluateFunction evaluate = nullptr;
};

// Null for an operator we do not have.
const OpSchema* FindOp(std::string_view name);
// Every operator, in the order of op_list.inc.
std::span<const OpSchema> AllOps();

// The node against its schema: operator known (else kUnimplemented), attributes known and of the
// right kind, required ones there, counts of inputs and outputs (else kInvalidArgument).
Status CheckNode(const Node& node);

// Types of the node's outputs (one for each, also for absent ones) from what the graph knows. All
// present inputs must have known shapes. Every shape it gives passes CheckShape.
Result<std::vector<OutputType>> InferNode(const Graph& graph, const Node& node);
// The same for operands that stand alone.
Result<std::vector<OutputType>> InferNode(const Node& node, std::span<const Operand> operands);

}  // namespace kedge::compiler
