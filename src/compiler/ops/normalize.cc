// Normalisations. All float; scale, bias, mean and variance have the type of the input.
//
//   BatchNormalization(x[n, c, ...], scale[c], bias[c], mean[c], variance[c])
//       attribute epsilon float 1e-5; inference form only, one output
//   InstanceNormalization(x[n, c, ...], scale[c], bias[c])      epsilon float 1e-5
//   LayerNormalization(x, scale, bias?)   axis int -1, epsilon float 1e-5; scale and bias broadcast
//       to x's dimensions from axis on; outputs y, mean?, inverse standard deviation?
//   LpNormalization(x)                    axis int -1, p int 2 (1 or 2)
//   LRN(x[n, c, ...])                     size int (required), alpha 1e-4, beta 0.75, bias 1
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "compiler/ops/elements.h"
#include "compiler/ops/rules.h"

namespace kedge::compiler {
namespace {

Status RequireChannels(std::span<const Operand> operands) {
  KEDGE_TRY_STATUS(RequireFloat(operands[0], "X"));
  if (operands[0].shape.rank() < 2) return InvalidArgument("input 'X' needs a rank of at least 2");
  for (const Operand& operand : operands.subspan(1)) {
    KEDGE_TRY_STATUS(RequireFloat(operand, "a parameter"));
    if (operand.shape != Shape{operands[0].shape[1]}) {
      return InvalidArgument("a parameter has shape " + ToString(operand.shape) + ", needs " +
                             std::to_string(operands[0].shape[1]));
    }
  }
  return {};
}

Result<OutputTypes> InferChannelwise(const Node&, std::span<const Operand> operands) {
  KEDGE_TRY_STATUS(RequireChannels(operands));
  return OneOutput(operands[0].dtype, operands[0].shape);
}

Status EvaluateBatch(const Node& node, std::span<const Tensor* const> inputs,
                     std::span<Tensor> outputs) {
  const double epsilon = FloatAttribute(node, "epsilon", 1e-5f);
  std::vector<double> x = ReadDoubles(*inputs[0]);
  const std::vector<double> scale = ReadDoubles(*inputs[1]);
  const std::vector<double> bias = ReadDoubles(*inputs[2]);
  const std::vector<double> mean = ReadDoubles(*inputs[3]);
  const std::vector<double> variance = ReadDoubles(*inputs[4]);
  const AxisView view(inputs[0]->shape(), 1);
  for (size_t i = 0; i < x.size(); ++i) {
    const size_t c = i / static_cast<size_t>(view.inner) % static_cast<size_t>(view.length);
    x[i] = (x[i] - mean[c]) / std::sqrt(variance[c] + epsilon) * scale[c] + bias[c];
  }
  WriteDoubles(x, outputs[0]);
  return {};
}

struct Moments {
  double mean = 0;
  double inverse_deviation = 0;
};

// Normalises a row to mean 0 and variance 1.
Moments NormalizeRow(std::span<double> row, double epsilon) {
  Moments moments;
  double variance = 0;
  for (double x : row) moments.mean += x / static_cast<double>(row.size());
  for (double x : row)
    variance += (x - moments.mean) * (x - moments.mean) / static_cast<double>(row.size());
  moments.inverse_deviation = 1 / std::sqrt(variance + epsilon);
  for (double& x : row) x = (x - moments.mean) * moments.inverse_deviation;
  return moments;
}

Status EvaluateInstance(const Node& node, std::span<const Tensor* const> inputs,
                        std::span<Tensor> outputs) {
  const double epsilon = FloatAttribute(node, "epsilon", 1e-5f);
  std::vector<double> x = ReadDoubles(*inputs[0]);
  const std::vector<double> scale = ReadDoubles(*inputs[1]);
  const std::vector<double> bias = ReadDoubles(*inputs[2]);
  const AxisView view(inputs[0]->shape(), 1);
  const auto row = static_cast<size_t>(view.inner);
  for (size_t start = 0, line = 0; start < x.size(); start += row, ++line) {
    const size_t c = line % static_cast<size_t>(view.length);
    NormalizeRow({x.data() + start, row}, epsilon);
    for (size_t i = start; i < start + row; ++i) x[i] = x[i] * scale[c] + bias[c];
  }
  WriteDoubles(x, outputs[0]);
  return {};
}

Result<OutputTypes> InferLayer(const Node& node, std::span<const Operand> operands) {
  const Operand& x = operands[0];
  KEDGE_TRY_STATUS(RequireFloat(x, "X"));
  KEDGE_TRY(const int64_t axis, ResolveAxis(IntAttribute(node, "axis", -1), x.shape.rank()));
  const Shape normalized(std::vector<int64_t>(x.shape.dims.begin() + axis, x.shape.dims.end()));
  for (const Operand& operand : operands.subspan(1)) {
    if (!operand.present) continue;
    KEDGE_TRY_STATUS(RequireSameType(x, operand));
    KEDGE_TRY(const Shape together, BroadcastShapes(normalized, operand.shape));
    if (together != normalized) {
      return InvalidArgument("a parameter has shape " + ToString(operand.shape) +
                             ", needs one that broadcasts to " + ToString(normalized));
    }
  }
  if (IntAttribute(node, "stash_type", 1) != 1)
    return Unimplemented("attribute 'stash_type' is not 1");
  Shape reduced = x.shape;
  std::fill(reduced.dims.begin() + axis, reduced.dims.end(), 1);
  return OutputTypes{{x.dtype, x.shape}, {DType::kF32, reduced}, {DType::kF32, reduced}};
}

std::vector<double> ReadBroadcast(const Tensor& tensor, const Shape& shape) {
  const std::vector<double> own = ReadDoubles(tensor);
  std::vector<double> values;
  for (Odometer at(shape, {BroadcastStrides(tensor.shape(), shape)}); !at.done(); at.Next())
    values.push_back(own[static_cast<size_t>(at.offset(0))]);
  return values;
}

Status EvaluateLayer(const Node& node, std::span<const Tensor* const> inputs,
                     std::span<Tensor> outputs) {
  const Shape& shape = inputs[0]->shape();
  const int64_t axis = ResolveAxis(IntAttribute(node, "axis", -1), shape.rank()).value();
  const Shape normalized(std::vector<int64_t>(shape.dims.begin() + axis, shape.dims.end()));
  const std::vector<double> scale = ReadBroadcast(*inputs[1], normalized);
  const std::vector<double> bias =
      inputs[2] ? ReadBroadcast(*inputs[2], normalized) : std::vector<double>(scale.size(), 0);
  const size_t row = scale.size();
  const double epsilon = FloatAttribute(node, "epsilon", 1e-5f);
  std::vector<double> x = ReadDoubles(*inputs[0]);
  std::vector<double> means;
  std::vector<double> deviations;
  for (size_t start = 0; start < x.size(); start += row) {
    const Moments moments = NormalizeRow({x.data() + start, row}, epsilon);
    means.push_back(moments.mean);
    deviations.push_back(moments.inverse_deviation);
    for (size_t i = 0; i < row; ++i) x[start + i] = x[start + i] * scale[i] + bias[i];
  }
  WriteDoubles(x, outputs[0]);
  means.resize(static_cast<size_t>(ProductOf(shape.dims, 0, static_cast<size_t>(axis))));
  deviations.resize(means.size());
  if (outputs.size() > 1) WriteDoubles(means, outputs[1]);
  if (outputs.size() > 2) WriteDoubles(deviations, outputs[2]);
  return {};
}

Result<OutputTypes> InferLp(const Node& node, std::span<const Operand> operands) {
  KEDGE_TRY_STATUS(RequireFloat(operands[0], "input"));
  KEDGE_TRY_STATUS(ResolveAxis(IntAttribute(node, "axis", -1), operands[0].shape.rank()));
  const int64_t p = IntAttribute(node, "p", 2);
  if (p != 1 && p != 2) return InvalidArgument("attribute 'p' is " + std::to_string(p));
  return OneOutput(operands[0].dtype, operands[0].shape);
}

Status EvaluateLp(const Node& node, std::span<const Tensor* const> inputs,
                  std::span<Tensor> outputs) {
  const Shape& shape = inputs[0]->shape();
  const AxisView view(shape, ResolveAxis(IntAttribute(node, "axis", -1), shape.rank()).value());
  const bool squares = IntAttribute(node, "p", 2) == 2;
  std::vector<double> x = ReadDoubles(*inputs[0]);
  for (int64_t line = 0; line < view.outer * view.inner; ++line) {
    double* start = x.data() + line / view.inner * view.length * view.inner + line % view.inner;
    double sum = 0;
    for (int64_t i = 0; i < view.length; ++i) {
      const double value = start[i * view.inner];
      sum += squares ? value * value : std::abs(value);
    }
    const double norm = squares ? std::sqrt(sum) : sum;
    for (int64_t i = 0; i < view.length && norm != 0; ++i) start[i * view.inner] /= norm;
  }
  WriteDoubles(x, outputs[0]);
  return {};
}

Result<OutputTypes> InferLrn(const Node& node, std::span<const Operand> operands) {
  KEDGE_TRY_STATUS(RequireChannels(operands));
  const int64_t size = IntAttribute(node, "size", 0);
  if (size < 1) return InvalidArgument("attribute 'size' is " + std::to_string(size));
  return OneOutput(operands[0].dtype, operands[0].shape);
}

Status EvaluateLrn(const Node& node, std::span<const Tensor* const> inputs,
                   std::span<Tensor> outputs) {
  const int64_t size = IntAttribute(node, "size", 1);
  const double alpha = FloatAttribute(node, "alpha", 1e-4f) / static_cast<double>(size);
  const double beta = FloatAttribute(node, "beta", 0.75f);
  const double bias = FloatAttribute(node, "bias", 1);
  const std::vector<double> x = ReadDoubles(*inputs[0]);
  std::vector<double> y(x.size());
  const AxisView view(inputs[0]->shape(), 1);
  for (int64_t i = 0; i < static_cast<int64_t>(x.size()); ++i) {
    const int64_t c = i / view.inner % view.length;
    const int64_t first = std::max<int64_t>(0, c - (size - 1) / 2);
    const int64_t last = std::min(view.length - 1, c + size / 2);
    double sum = 0;
    for (int64_t k = first; k <= last; ++k) {
      const double value = x[static_cast<size_t>(i + (k - c) * view.inner)];
      sum += value * value;
    }
    y[static_cast<size_t>(i)] = x[static_cast<size_t>(i)] / std::pow(bias + alpha * sum, beta);
  }
  WriteDoubles(y, outputs[0]);
  return {};
}

}  // namespace

OpSchema BatchNormalizationSchema(std::string_view) {
  return {.family = Family::kEltwise,
          .inputs_min = 5,
          .inputs_max = 5,
          .attributes = {{"epsilon", AttributeKind::kFloat}},
          .infer = InferChannelwise,
          .evaluate = EvaluateBatch};
}

OpSchema InstanceNormalizationSchema(std::string_view) {
  return {.family = Family::kReduce,
          .inputs_min = 3,
          .inputs_max = 3,
          .attributes = {{"epsilon", AttributeKind::kFloat}},
          .infer = InferChannelwise,
          .evaluate = EvaluateInstance};
}

OpSchema LayerNormalizationSchema(std::string_view) {
  return {.family = Family::kReduce,
          .inputs_min = 2,
          .inputs_max = 3,
          .outputs_max = 3,
          .attributes = {{"axis", AttributeKind::kInt},
                         {"epsilon", AttributeKind::kFloat},
                         {"stash_type", AttributeKind::kInt}},
          .infer = InferLayer,
          .evaluate = EvaluateLayer};
}

OpSchema LpNormalizationSchema(std::string_view) {
  return {.family = Family::kReduce,
          .attributes = {{"axis", AttributeKind::kInt}, {"p", AttributeKind::kInt}},
          .infer = InferLp,
          .evaluate = EvaluateLp};
}

OpSchema LrnSchema(std::string_view) {
  return {.family = Family::kWindow,
          .attributes = {{"size", AttributeKind::kInt, true},
                         {"alpha", AttributeKind::kFloat},
                         {"beta", AttributeKind::kFloat},
                         {"bias", AttributeKind::kFloat}},
          .infer = InferLrn,
          .evaluate = EvaluateLrn};
}

}  // namespace kedge::compiler
