// What fusion appends to an operator: the sum with a residual, then an activation, applied to each
// element of its only result before it is stored.
//
//   result = activation(op(inputs) + residual)
//
// It stands in attributes of ours on the node itself:
//
//   kedge.residual     int 1: the node's last input is the residual: of the result's type and
//                      shape. Optional inputs before it are filled with "absent".
//   kedge.activation   string, one of the names below; missing or "" for none
//   kedge.activation_min, _max, _alpha, _beta   floats, meaning as by the activation
//
//   "relu"         max(x, 0)
//   "clip"         min(max(x, min), max); either may be infinite
//   "leaky_relu"   x < 0 ? alpha * x : x
//   "hard_sigmoid" max(0, min(1, alpha * x + beta))
//   "hard_swish"   x * max(0, min(1, x / 6 + 0.5))
//   "sigmoid"      1 / (1 + exp(-x))
//   "silu"         x * sigmoid(x)
//   "tanh"
//   "elu"          x < 0 ? alpha * (exp(x) - 1) : x
//
// Operators that take it: Conv, ConvTranspose, Gemm, MatMul (OpSchema::takes_epilogue), f32 only.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>

#include "compiler/graph/graph.h"
#include "compiler/ops/op.h"

namespace kedge::compiler {

inline constexpr char kResidualAttribute[] = "kedge.residual";
inline constexpr char kActivationAttribute[] = "kedge.activation";
inline constexpr char kActivationMinAttribute[] = "kedge.activation_min";
inline constexpr char kActivationMaxAttribute[] = "kedge.activation_max";
inline constexpr char kActivationAlphaAttribute[] = "kedge.activation_alpha";
inline constexpr char kActivationBetaAttribute[] = "kedge.activation_beta";

enum class Activation : uint8_t {
  kNone,
  kRelu,
  kClip,
  kLeakyRelu,
  kHardSigmoid,
  kHardSwish,
  kSigmoid,
  kSilu,
  kTanh,
  kElu,
};

struct Epilogue {
  Activation activation = Activation::kNone;
  float min = 0;
  float max = 0;
  float alpha = 0;
  float beta = 0;
  bool residual = false;

  bool empty() const { return activation == Activation::kNone && !residual; }
};

// "" for kNone.
const char* ActivationName(Activation activation);
std::optional<Activation> FindActivation(std::string_view name);

// The node's epilogue; an empty one if it has none. KEDGE_CHECK on an unknown activation, which
// CheckEpilogue has refused.
Epilogue ReadEpilogue(const Node& node);
// Writes the activation's attributes; the residual is an input and the caller's.
void WriteActivation(Node& node, const Epilogue& epilogue);
// The residual's value, or kNoValue.
ValueId ResidualInput(const Node& node);
double ApplyActivation(const Epilogue& epilogue, double x);

std::span<const AttributeSpec> EpilogueAttributes();
// `operands` are all of the node's, the residual last. kInvalidArgument for an unknown activation
// or a residual of another type than `result`.
Status CheckEpilogue(const Node& node, std::span<const Operand> operands, const OutputType& result);

}  // namespace kedge::compiler
