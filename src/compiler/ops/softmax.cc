// Softmax, LogSoftmax, Hardmax along one axis: attribute axis int -1. Float input, same type out.
// Before opset 13 these flattened to a matrix at `axis`; the importer writes that as reshapes.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "compiler/ops/elements.h"
#include "compiler/ops/rules.h"

namespace kedge::compiler {
namespace {

Result<OutputTypes> Infer(const Node& node, std::span<const Operand> operands) {
  KEDGE_TRY_STATUS(RequireFloat(operands[0], "input"));
  KEDGE_TRY_STATUS(ResolveAxis(IntAttribute(node, "axis", -1), operands[0].shape.rank()));
  return OneOutput(operands[0].dtype, operands[0].shape);
}

// One line of `length` elements `step` apart.
void EvaluateLine(std::string_view op, double* line, int64_t length, int64_t step) {
  int64_t best = 0;
  for (int64_t i = 1; i < length; ++i) {
    if (line[i * step] > line[best * step]) best = i;
  }
  if (op == "Hardmax") {
    for (int64_t i = 0; i < length; ++i) line[i * step] = i == best;
    return;
  }
  const double top = line[best * step];
  double sum = 0;
  for (int64_t i = 0; i < length; ++i) sum += std::exp(line[i * step] - top);
  for (int64_t i = 0; i < length; ++i) {
    double& x = line[i * step];
    x = op == "Softmax" ? std::exp(x - top) / sum : x - top - std::log(sum);
  }
}

Status Evaluate(const Node& node, std::span<const Tensor* const> inputs,
                std::span<Tensor> outputs) {
  const Shape& shape = inputs[0]->shape();
  const AxisView view(shape, ResolveAxis(IntAttribute(node, "axis", -1), shape.rank()).value());
  std::vector<double> values = ReadDoubles(*inputs[0]);
  if (values.empty()) return {};
  for (int64_t outer = 0; outer < view.outer; ++outer) {
    for (int64_t inner = 0; inner < view.inner; ++inner) {
      EvaluateLine(node.op, values.data() + outer * view.length * view.inner + inner, view.length,
                   view.inner);
    }
  }
  WriteDoubles(values, outputs[0]);
  return {};
}

}  // namespace

OpSchema SoftmaxSchema(std::string_view) {
  return {.family = Family::kReduce,
          .attributes = {{"axis", AttributeKind::kInt}},
          .infer = Infer,
          .evaluate = Evaluate};
}

}  // namespace kedge::compiler
