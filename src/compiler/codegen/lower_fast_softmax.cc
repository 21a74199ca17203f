// Softmax over many short rows: kernels/softmax.h. Long rows and other axes are the generic path's.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "compiler/codegen/lower_fast.h"
#include "compiler/codegen/lowering.h"
#include "compiler/codegen/source.h"
#include "compiler/codegen/tile.h"

namespace kedge::compiler {

std::optional<SoftmaxForm> ReadSoftmaxForm(const Graph& graph, const Node& node) {
  constexpr int64_t kLengthMax = 32, kRowsMin = 8, kRowsMax = 1 << 24;
  if (node.op != "Softmax") return std::nullopt;
  const Value& in = graph.at(node.inputs[0]);
  const size_t rank = in.shape.rank();
  if (in.dtype != DType::kF32 || rank == 0) return std::nullopt;
  if (AxisAttribute(node, "axis", -1, rank) != static_cast<int64_t>(rank) - 1) return std::nullopt;
  SoftmaxForm form{.length = in.shape[rank - 1]};
  if (form.length < 1 || form.length > kLengthMax) return std::nullopt;
  form.rows = in.shape.elements() / form.length;
  if (form.rows < kRowsMin || form.rows > kRowsMax) return std::nullopt;
  return form;
}

void LowerSoftmaxForm(const Node& node, const SoftmaxForm& form, PlanBuilder& builder) {
  constexpr double kCyclesAnElement = 3;
  const auto elements = static_cast<double>(form.rows * form.length);
  const int tasks = TaskCountOfCycles(elements * kCyclesAnElement);
  Source source({"softmax.h"});
  source.OpenKernel(1, 1);
  source.Line(Text("SoftmaxRows<", form.length, ", ", form.rows, ", ", tasks,
                   ">(reinterpret_cast<const float*>(p1), reinterpret_cast<float*>(p0), task);"));
  source.Close();
  builder.Add({.path = Text("softmax rows of ", form.length),
               .source = std::move(source).Take(),
               .writes = {builder.WritePlain(node.outputs[0])},
               .reads = {builder.ReadPlain(node.inputs[0])},
               .tasks = static_cast<uint32_t>(tasks)});
}

}  // namespace kedge::compiler
