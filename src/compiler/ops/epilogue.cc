// SPDX-License-Identifier: Apache-2.0
#include "compiler/ops/epilogue.h"

#include <algorithm>
#include <cmath>

namespace kedge::compiler {
namespace {

constexpr const char* kActivationNames[] = {
    "",           "relu",    "clip", "leaky_relu", "hard_sigmoid",
    "hard_swish", "sigmoid", "silu", "tanh",       "elu"};

constexpr AttributeSpec kAttributes[] = {
    {kResidualAttribute, AttributeKind::kInt},
    {kActivationAttribute, AttributeKind::kString},
    {kActivationMinAttribute, AttributeKind::kFloat},
    {kActivationMaxAttribute, AttributeKind::kFloat},
    {kActivationAlphaAttribute, AttributeKind::kFloat},
    {kActivationBetaAttribute, AttributeKind::kFloat},
};

}  // namespace

const char* ActivationName(Activation activation) {
  return kActivationNames[static_cast<size_t>(activation)];
}

std::optional<Activation> FindActivation(std::string_view name) {
  const auto found = std::find(std::begin(kActivationNames), std::end(kActivationNames), name);
  if (found == std::end(kActivationNames)) return std::nullopt;
  return static_cast<Activation>(found - std::begin(kActivationNames));
}

Epilogue ReadEpilogue(const Node& node) {
  const auto activation = FindActivation(StringAttribute(node, kActivationAttribute, ""));
  KEDGE_CHECK(activation.has_value());
  return {.activation = *activation,
          .min = FloatAttribute(node, kActivationMinAttribute, -INFINITY),
          .max = FloatAttribute(node, kActivationMaxAttribute, INFINITY),
          .alpha = FloatAttribute(node, kActivationAlphaAttribute, 0),
          .beta = FloatAttribute(node, kActivationBetaAttribute, 0),
          .residual = IntAttribute(node, kResidualAttribute, 0) != 0};
}

void WriteActivation(Node& node, const Epilogue& epilogue) {
  node.attributes[kActivationAttribute] = std::string(ActivationName(epilogue.activation));
  switch (epilogue.activation) {
    case Activation::kClip:
      node.attributes[kActivationMinAttribute] = epilogue.min;
      node.attributes[kActivationMaxAttribute] = epilogue.max;
      break;
    case Activation::kHardSigmoid:
      node.attributes[kActivationBetaAttribute] = epilogue.beta;
      [[fallthrough]];
    case Activation::kLeakyRelu:
    case Activation::kElu:
      node.attributes[kActivationAlphaAttribute] = epilogue.alpha;
      break;
    default:
      break;
  }
}

ValueId ResidualInput(const Node& node) {
  if (IntAttribute(node, kResidualAttribute, 0) == 0) return kNoValue;
  return node.inputs.back();
}

double ApplyActivation(const Epilogue& epilogue, double x) {
  switch (epilogue.activation) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return x < 0 ? 0 : x;
    case Activation::kClip:
      return x < epilogue.min ? epilogue.min : x > epilogue.max ? epilogue.max : x;
    case Activation::kLeakyRelu:
      return x < 0 ? epilogue.alpha * x : x;
    case Activation::kHardSigmoid:
      return std::max(0.0, std::min(1.0, epilogue.alpha * x + epilogue.beta));
    case Activation::kHardSwish:
      return x * std::max(0.0, std::min(1.0, x / 6 + 0.5));
    case Activation::kSigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::kSilu:
      return x / (1 + std::exp(-x));
    case Activation::kTanh:
      return std::tanh(x);
    case Activation::kElu:
      return x < 0 ? epilogue.alpha * std::expm1(x) : x;
  }
  return x;
}

std::span<const AttributeSpec> EpilogueAttributes() { return kAttributes; }

Status CheckEpilogue(const Node& node, std::span<const Operand> operands,
                     const OutputType& result) {
  const std::string activation = StringAttribute(node, kActivationAttribute, "");
  if (!FindActivation(activation).has_value())
    return InvalidArgument("activation '" + activation + "' is not known");
  if (IntAttribute(node, kResidualAttribute, 0) == 0) return {};
  const Operand& residual = operands.back();
  if (residual.dtype != result.dtype || !result.shape.has_value() ||
      residual.shape != *result.shape) {
    return InvalidArgument("the residual has shape " + ToString(residual.shape) +
                           ", the result another one");
  }
  return {};
}

}  // namespace kedge::compiler
