// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/lower_shape_check.h"

#include "compiler/codegen/lowering.h"
#include "compiler/codegen/source.h"

namespace kedge::compiler {

void AddShapeCheck(const Node& node, PlanBuilder& builder) {
  const size_t input = node.op == "ConstantOfShape" ? 0 : 1;
  if (!HasInput(node, input) || builder.graph().IsConstant(node.inputs[input])) return;
  const Shape& from = builder.value(node.inputs[0]).shape;
  const Shape& to = builder.value(node.outputs[0]).shape;
  const Value& asked = builder.value(node.inputs[input]);
  const int64_t count = asked.shape.elements();
  const auto rank = static_cast<int64_t>(to.rank());

  Source source({"generic/shape_check.h"});
  source.OpenKernel(0, 1, true);
  source.Line(
      Text("constexpr int64_t kTo[] = ", to.rank() == 0 ? "{1}" : ListLiteral(to.dims), ";"));
  source.Line(
      Text("constexpr int64_t kFrom[] = ", from.rank() == 0 ? "{1}" : ListLiteral(from.dims), ";"));
  source.Line(
      Text("const auto* asked = reinterpret_cast<const ", ElementType(asked.dtype), "*>(p0);"));
  const bool expands = node.op == "Expand";
  const bool zero_is_zero = input == 0 || IntAttribute(node, "allowzero", 0) != 0;
  source.Line(Text("return ", expands ? "CheckExpand" : "CheckReshape", "(asked, ", count,
                   ", kFrom, ", static_cast<int64_t>(from.rank()), ", kTo, ", rank,
                   expands ? "" : (zero_is_zero ? ", true" : ", false"), ") ? 0 : 3;"));
  source.Close();

  Step step;
  step.path = "generic-shape-check";
  step.source = std::move(source).Take();
  step.reads = {builder.ReadPlain(node.inputs[input])};
  step.can_fail = true;
  builder.Add(std::move(step));
}

}  // namespace kedge::compiler
