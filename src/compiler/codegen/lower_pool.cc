// Pooling over windows: MaxPool, AveragePool, LpPool.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/loop_nest.h"
#include "compiler/codegen/lowering.h"
#include "compiler/ops/window.h"

namespace kedge::compiler {
namespace {

// {{in, out, kernel, stride, dilation, pad_begin, pad_end}, ...} with leading dimensions of one for
// less than three.
std::string PoolShapeLiteral(const Window& window, const Shape& input) {
  std::string axes;
  for (size_t i = window.kernel.size(); i < kSpatialRankMax; ++i) axes += "{1, 1, 1, 1, 1, 0, 0}, ";
  for (size_t i = 0; i < window.kernel.size(); ++i) {
    axes += ListLiteral({input[i + 2], window.output[i], window.kernel[i], window.strides[i],
                         window.dilations[i], window.pads_begin[i], window.pads_end[i]});
    if (i + 1 < window.kernel.size()) axes += ", ";
  }
  return "{{" + axes + "}}";
}

// How a plane is pooled: a reduction of generic/reduce.h and how its average is taken.
Result<std::string> PoolArguments(const Node& node, const std::string& compute) {
  if (node.op == "MaxPool") return Text("Maximum<", compute, ">, PoolAverage::kNone");
  if (node.op == "AveragePool") {
    const bool padding = IntAttribute(node, "count_include_pad", 0) != 0;
    return Text("Sum<", compute, ">, PoolAverage::", padding ? "kWithPadding" : "kInside");
  }
  const int64_t p = IntAttribute(node, "p", 2);
  if (p != 1 && p != 2) {
    return Unimplemented(Describe(node) + " has p " + std::to_string(p) + ", 1 and 2 are there");
  }
  return Text(p == 1 ? "L1<" : "L2<", compute, ">, PoolAverage::kNone");
}

}  // namespace

Status LowerPool(const Node& node, PlanBuilder& builder) {
  const Value& input = builder.value(node.inputs[0]);
  const std::vector<int64_t> spatial(input.shape.dims.begin() + 2, input.shape.dims.end());
  KEDGE_TRY(const Window window, ResolveWindow(node, spatial));
  const std::string element(ElementType(input.dtype)), compute(ComputeType(input.dtype));
  KEDGE_TRY(const std::string arguments, PoolArguments(node, compute));
  const int64_t planes = input.shape[0] * input.shape[1];
  const Value& output = builder.value(node.outputs[0]);
  uint64_t taps = 1;
  for (int64_t size : window.kernel) taps *= static_cast<uint64_t>(size);

  Step step;
  step.path = "generic-pool";
  step.reads = {builder.ReadPlain(node.inputs[0])};
  step.writes = {builder.WritePlain(node.outputs[0])};
  step.tasks = TaskCount(static_cast<uint64_t>(input.shape.elements()) * DTypeSize(input.dtype),
                         static_cast<uint64_t>(output.shape.elements()) * taps, planes);
  Source source({"generic/pool.h"});
  source.Line(Text("constexpr PoolShape kShape = ", PoolShapeLiteral(window, input.shape), ";"));
  source.OpenKernel(1, 1);
  source.Line(Text("auto* y = reinterpret_cast<", element, "*>(p0);"));
  source.Line(Text("const auto* x = reinterpret_cast<const ", element, "*>(p1);"));
  source.Line(Text("const int64_t begin = task * ", planes, " / ", step.tasks,
                   ", end = (task + INT64_C(1)) * ", planes, " / ", step.tasks, ";"));
  source.Line(Text("for (int64_t p = begin; p < end; ++p) PoolPlane<kShape, ", arguments,
                   ">(x + p * kShape.InPlane(), y + p * kShape.OutPlane());"));
  source.Close();
  step.source = std::move(source).Take();
  builder.Add(std::move(step));
  return {};
}

}  // namespace kedge::compiler
