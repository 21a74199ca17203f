// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "compiler/ops/elements.h"
#include "compiler/ops/rules.h"
#include "compiler/passes/canonicalise_rules.h"
#include "compiler/passes/edit.h"

namespace kedge::compiler {
namespace {

// A constant of the same shape, each element times `factor`.
ValueId Scaled(Graph& graph, ValueId id, double factor) {
  const Tensor& from = *graph.at(id).constant;
  std::vector<double> values = ReadDoubles(from);
  for (double& value : values) value *= factor;
  Tensor to(from.dtype(), from.shape());
  WriteDoubles(values, to);
  return graph.AddConstant(graph.at(id).name, std::move(to));
}

bool IsConstantFloat(const Graph& graph, ValueId id) {
  return graph.IsConstant(id) && IsFloat(graph.at(id).dtype);
}

// C of one row, or one element, as a row of n.
void FlattenRow(Graph& graph, Node& node) {
  const ValueId c = InputOf(node, 2);
  if (!graph.IsConstant(c)) return;
  const Tensor& from = *graph.at(c).constant;
  const int64_t n = graph.at(node.outputs[0]).shape[1];
  const bool one_row = from.shape().rank() < 2 || from.shape()[0] == 1;
  if (!one_row || from.shape() == Shape{n}) return;
  Tensor row(from.dtype(), Shape{n});
  CopyStrided(from, {from.elements() == 1 ? 0 : 1}, 0, row);
  node.inputs[2] = graph.AddConstant(graph.at(c).name, std::move(row));
}

void Gemm(Graph& graph, Node node, std::vector<Node>& out) {
  const float alpha = FloatAttribute(node, "alpha", 1);
  const float beta = FloatAttribute(node, "beta", 1);
  if (node.inputs.size() > 2 && beta == 0) node.inputs.resize(2);
  if (IsConstantFloat(graph, InputOf(node, 2)) && beta != 1) {
    node.inputs[2] = Scaled(graph, node.inputs[2], beta);
    node.attributes.erase("beta");
  }
  if (IsConstantFloat(graph, node.inputs[1]) && alpha != 1) {
    node.inputs[1] = Scaled(graph, node.inputs[1], alpha);
    node.attributes.erase("alpha");
  }
  if (alpha == 1) node.attributes.erase("alpha");
  if (beta == 1 || node.inputs.size() < 3) node.attributes.erase("beta");
  FlattenRow(graph, node);
  for (const char* name : {"transA", "transB"}) {
    if (IntAttribute(node, name, 0) == 0) node.attributes.erase(name);
  }
  out.push_back(std::move(node));
}

// a[..., m, k] times a matrix is one product of [... * m, k].
void MatMul(Graph& graph, Node node, std::vector<Node>& out) {
  const Value a = graph.at(node.inputs[0]);
  const Value b = graph.at(node.inputs[1]);
  if (b.shape.rank() != 2 || a.shape.rank() < 2 || !IsFloat(a.dtype))
    return out.push_back(std::move(node));
  Node gemm{.op = "Gemm", .name = node.name, .inputs = node.inputs, .outputs = node.outputs};
  if (a.shape.rank() == 2) return out.push_back(std::move(gemm));
  const int64_t k = b.shape[0];
  const int64_t n = b.shape[1];
  const int64_t m = ProductOf(a.shape.dims, 0, a.shape.rank() - 1);
  gemm.inputs[0] = AddLike(graph, node.inputs[0], ".rows", a.dtype, Shape{m, k});
  gemm.outputs[0] = AddLike(graph, node.outputs[0], ".rows", a.dtype, Shape{m, n});
  out.push_back(MakeReshape(graph, node, node.inputs[0], gemm.inputs[0]));
  const ValueId rows = gemm.outputs[0];
  out.push_back(std::move(gemm));
  out.push_back(MakeReshape(graph, node, rows, node.outputs[0]));
}

// Sum, Mean, Max, Min: a chain of operators with two operands.
void Nary(Graph& graph, Node node, std::vector<Node>& out) {
  const bool mean = node.op == "Mean";
  const std::string op = node.op == "Sum" || mean ? "Add" : node.op;
  const size_t count = node.inputs.size();
  if (count == 1) return out.push_back(AsIdentity(std::move(node)));
  const DType dtype = graph.at(node.outputs[0]).dtype;
  ValueId sum = node.inputs[0];
  for (size_t i = 1; i < count; ++i) {
    const Shape shape =
        BroadcastShapes(graph.at(sum).shape, graph.at(node.inputs[i]).shape).value();
    const bool last = i + 1 == count && !mean;
    const ValueId next =
        last ? node.outputs[0] : AddLike(graph, node.outputs[0], ".part", dtype, shape);
    out.push_back(
        {.op = op, .name = node.name, .inputs = {sum, node.inputs[i]}, .outputs = {next}});
    sum = next;
  }
  if (!mean) return;
  Tensor factor(dtype, Shape{});
  WriteDoubles(std::vector<double>{1.0 / static_cast<double>(count)}, factor);
  out.push_back({.op = "Mul",
                 .name = node.name,
                 .inputs = {sum, graph.AddConstant("factor", std::move(factor))},
                 .outputs = node.outputs});
}

// x * (scale / sqrt(variance + epsilon)) + (bias - mean * that), per channel.
void BatchNormalization(Graph& graph, Node node, std::vector<Node>& out) {
  for (size_t i = 1; i < 5; ++i) {
    if (!IsConstantFloat(graph, node.inputs[i])) return out.push_back(std::move(node));
  }
  const Value x = graph.at(node.inputs[0]);
  const auto read = [&](size_t i) { return ReadDoubles(*graph.at(node.inputs[i]).constant); };
  std::vector<double> scale = read(1);
  std::vector<double> shift = read(2);
  const std::vector<double> mean = read(3);
  const std::vector<double> variance = read(4);
  const double epsilon = FloatAttribute(node, "epsilon", 1e-5f);
  for (size_t c = 0; c < scale.size(); ++c) {
    scale[c] /= std::sqrt(variance[c] + epsilon);
    shift[c] -= mean[c] * scale[c];
  }
  Shape shape(std::vector<int64_t>(x.shape.rank() - 1, 1));
  shape.dims[0] = x.shape[1];
  const auto constant = [&](const char* suffix, const std::vector<double>& values) {
    Tensor tensor(x.dtype, shape);
    WriteDoubles(values, tensor);
    return graph.AddConstant(graph.at(node.inputs[1]).name + suffix, std::move(tensor));
  };
  const ValueId product = AddLike(graph, node.outputs[0], ".scaled", x.dtype, x.shape);
  out.push_back({.op = "Mul",
                 .name = node.name,
                 .inputs = {node.inputs[0], constant(".scale", scale)},
                 .outputs = {product}});
  out.push_back({.op = "Add",
                 .name = node.name,
                 .inputs = {product, constant(".shift", shift)},
                 .outputs = node.outputs});
}

}  // namespace

CanonicalRule FindProductRule(std::string_view op) {
  if (op == "Gemm") return Gemm;
  if (op == "MatMul") return MatMul;
  if (op == "Sum" || op == "Mean" || op == "Max" || op == "Min") return Nary;
  return op == "BatchNormalization" ? BatchNormalization : nullptr;
}

}  // namespace kedge::compiler
