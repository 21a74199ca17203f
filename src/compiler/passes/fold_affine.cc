// SPDX-License-Identifier: Apache-2.0
#include "compiler/passes/fold_affine.h"

#include "compiler/graph/uses.h"
#include "compiler/ops/elements.h"
#include "compiler/ops/rules.h"
#include "compiler/passes/edit.h"

namespace kedge::compiler {
namespace {

// x * constant or x + constant.
struct Affine {
  bool is_scale = false;
  ValueId x = kNoValue;
  ValueId constant = kNoValue;
};

std::optional<Affine> ReadAffine(const Graph& graph, const Node& node) {
  if (node.op != "Mul" && node.op != "Add") return std::nullopt;
  for (size_t i = 0; i < 2; ++i) {
    const ValueId x = node.inputs[1 - i];
    const ValueId constant = node.inputs[i];
    if (!graph.IsConstant(constant) || graph.IsConstant(x)) continue;
    if (!IsFloat(graph.at(x).dtype) || graph.at(x).shape != graph.at(node.outputs[0]).shape)
      continue;
    return Affine{node.op == "Mul", x, constant};
  }
  return std::nullopt;
}

ValueId MapConstant(Graph& graph, ValueId id, double (*f)(double)) {
  const Tensor& from = *graph.at(id).constant;
  std::vector<double> values = ReadDoubles(from);
  for (double& value : values) value = f(value);
  Tensor to(from.dtype(), from.shape());
  WriteDoubles(values, to);
  return graph.AddConstant(graph.at(id).name, std::move(to));
}

// x - c is x + -c; x / c is x * (1 / c), which may differ in the last bit.
void NormaliseForm(Graph& graph, Node& node) {
  if ((node.op != "Sub" && node.op != "Div") || !graph.IsConstant(node.inputs[1])) return;
  if (!IsFloat(graph.at(node.inputs[1]).dtype)) return;
  const bool sub = node.op == "Sub";
  node.inputs[1] = MapConstant(
      graph, node.inputs[1], sub ? [](double x) { return -x; } : [](double x) { return 1 / x; });
  node.op = sub ? "Add" : "Mul";
}

// The constant as one number a channel of `shape` (the dimension `axis`); empty if it varies
// along another dimension.
std::vector<double> PerChannel(const Tensor& constant, const Shape& shape, size_t axis) {
  const Shape& own = constant.shape();
  if (own.rank() > shape.rank()) return {};
  for (size_t i = 0; i < own.rank(); ++i) {
    if (own[i] != 1 && i + shape.rank() - own.rank() != axis) return {};
  }
  std::vector<double> values = ReadDoubles(constant);
  if (values.size() == 1) values.assign(static_cast<size_t>(shape[axis]), values[0]);
  return values;
}

// The dimension of a weight that belongs to the result's channels.
struct WeightLayout {
  size_t channel_axis;
  size_t result_axis;
};
std::optional<WeightLayout> LayoutOf(const Node& node) {
  if (node.op == "Conv") return WeightLayout{0, 1};
  if (node.op == "ConvTranspose" && IntAttribute(node, "group", 1) == 1) return WeightLayout{1, 1};
  const bool plain = !node.attributes.contains("alpha") && !node.attributes.contains("beta");
  if (node.op == "Gemm" && plain)
    return WeightLayout{IntAttribute(node, "transB", 0) != 0 ? size_t{0} : size_t{1}, 1};
  return std::nullopt;
}

ValueId ScaleWeight(Graph& graph, ValueId weight, size_t axis, const std::vector<double>& scale) {
  const Tensor& from = *graph.at(weight).constant;
  const AxisView view(from.shape(), static_cast<int64_t>(axis));
  std::vector<double> values = ReadDoubles(from);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] *= scale[i / static_cast<size_t>(view.inner) % static_cast<size_t>(view.length)];
  Tensor to(from.dtype(), from.shape());
  WriteDoubles(values, to);
  return graph.AddConstant(graph.at(weight).name, std::move(to));
}

// Folds into the operator that makes x. Its weight and bias must be constant, the bias one number a
// channel.
bool FoldIntoProducer(Graph& graph, Node& maker, const Affine& affine) {
  const auto layout = LayoutOf(maker);
  if (!layout.has_value() || !graph.IsConstant(maker.inputs[1])) return false;
  const Value result = graph.at(maker.outputs[0]);  // a copy: constants are added below
  const std::vector<double> by_channel =
      PerChannel(*graph.at(affine.constant).constant, result.shape, layout->result_axis);
  if (by_channel.empty()) return false;
  const ValueId bias = InputOf(maker, 2);
  std::vector<double> sum(by_channel.size(), 0);
  if (bias != kNoValue) {
    const bool row = graph.IsConstant(bias) &&
                     graph.at(bias).shape == Shape{static_cast<int64_t>(by_channel.size())};
    if (!row) return false;
    sum = ReadDoubles(*graph.at(bias).constant);
  }
  if (affine.is_scale) {
    maker.inputs[1] = ScaleWeight(graph, maker.inputs[1], layout->channel_axis, by_channel);
    if (bias == kNoValue) return true;
  }
  for (size_t c = 0; c < sum.size(); ++c)
    sum[c] = affine.is_scale ? sum[c] * by_channel[c] : sum[c] + by_channel[c];
  Tensor folded(result.dtype, Shape{static_cast<int64_t>(sum.size())});
  WriteDoubles(sum, folded);
  maker.inputs.resize(3, kNoValue);
  maker.inputs[2] = graph.AddConstant(graph.at(maker.outputs[0]).name + ".bias", std::move(folded));
  return true;
}

// One constant that is op(a, b).
ValueId Combine(Graph& graph, ValueId a, ValueId b, bool multiply) {
  const Tensor& left = *graph.at(a).constant;
  const Tensor& right = *graph.at(b).constant;
  const Shape shape = BroadcastShapes(left.shape(), right.shape()).value();
  const std::vector<double> x = ReadDoubles(left);
  const std::vector<double> y = ReadDoubles(right);
  std::vector<double> values;
  Odometer at(shape,
              {BroadcastStrides(left.shape(), shape), BroadcastStrides(right.shape(), shape)});
  for (; !at.done(); at.Next()) {
    const double p = x[static_cast<size_t>(at.offset(0))];
    const double q = y[static_cast<size_t>(at.offset(1))];
    values.push_back(multiply ? p * q : p + q);
  }
  Tensor tensor(left.dtype(), shape);
  WriteDoubles(values, tensor);
  return graph.AddConstant(graph.at(a).name, std::move(tensor));
}

// Merges with the scale or shift that makes x. Mul(Add(x, s), t) swaps them first: `maker` becomes
// the Mul, `node` the Add.
bool MergePair(Graph& graph, Node& maker, Node& node, const Affine& first, const Affine& then) {
  if (first.is_scale == then.is_scale) {
    node.inputs = {first.x, Combine(graph, first.constant, then.constant, then.is_scale)};
    return true;
  }
  if (first.is_scale) return false;
  const ValueId shift = Combine(graph, first.constant, then.constant, true);
  maker.op = "Mul";
  maker.inputs = {first.x, then.constant};
  node.op = "Add";
  node.inputs = {maker.outputs[0], shift};
  return false;
}

// One walk over the nodes; true if something changed.
bool FoldOnce(Graph& graph) {
  Uses uses(graph);
  std::vector<bool> removed(graph.nodes.size(), false);
  bool changed = false;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    Node& node = graph.nodes[i];
    NormaliseForm(graph, node);
    const auto affine = ReadAffine(graph, node);
    if (!affine.has_value()) continue;
    const auto x = static_cast<size_t>(affine->x);
    if (x >= uses.producer.size() || uses.producer[x] < 0) continue;
    const auto maker_index = static_cast<size_t>(uses.producer[x]);
    if (uses.OnlyConsumer(affine->x) != static_cast<int>(i) || removed[maker_index]) continue;
    Node& maker = graph.nodes[maker_index];
    if (FoldIntoProducer(graph, maker, *affine)) {
      maker.outputs[0] = node.outputs[0];
      uses.producer[static_cast<size_t>(node.outputs[0])] = static_cast<int>(maker_index);
      removed[i] = true;
      changed = true;
      continue;
    }
    const auto first = ReadAffine(graph, maker);
    if (!first.has_value()) continue;
    const bool swaps = !first->is_scale && affine->is_scale;
    if (MergePair(graph, maker, node, *first, *affine)) removed[maker_index] = true;
    changed |= swaps || removed[maker_index];
  }
  RemoveNodes(graph, removed);
  return changed;
}

}  // namespace

Status FoldAffine(Graph& graph, const PassOptions&) {
  while (FoldOnce(graph)) {
  }
  return {};
}

}  // namespace kedge::compiler
