// Pools over windows and over whole images: kernels/pool.h.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "compiler/codegen/lower_fast.h"
#include "compiler/codegen/source.h"
#include "compiler/codegen/tile.h"

namespace kedge::compiler {
namespace {

const char* KindText(PoolForm::Kind kind) {
  switch (kind) {
    case PoolForm::Kind::kMax:
      return "PoolKind::kMax";
    case PoolForm::Kind::kAverage:
      return "PoolKind::kAverage";
    case PoolForm::Kind::kAverageCountingPads:
      return "PoolKind::kAverageCountingPads";
  }
  return "";
}

void LowerGlobalAverage(const Node& node, const PoolForm& form, PlanBuilder& builder) {
  const int64_t vector = builder.target().VectorFloats();
  const FastOperand in = ReadBlocked(node.inputs[0], {}, builder);
  const FastOperand out = WriteFast(node.outputs[0], builder);
  const int64_t vectors = (form.in[1] + vector - 1) / vector;
  const auto loads = static_cast<double>(vectors * form.in[2] * form.in[3] * form.in[0]);
  const int64_t tasks = std::min<int64_t>(TaskCountOfCycles(loads), vectors);
  Source source({"pool.h", "epilogue.h"});
  source.OpenKernel(1, 1);
  source.Line(Text("constexpr GlobalPoolConfig kConfig{.in = ", ViewText(in.view), ", .out = ",
                   ViewText(out.view), ", .vector = ", vector, ", .channel_tasks = ", tasks, "};"));
  source.Line(
      "GlobalAverage<kConfig, activation::Identity>(reinterpret_cast<const float*>(p1), "
      "reinterpret_cast<float*>(p0), task);");
  source.Close();
  AddFast(node,
          {.path = "global average",
           .source = std::move(source).Take(),
           .writes = {out.First()},
           .reads = {in.First()},
           .tasks = static_cast<uint32_t>(tasks)},
          builder);
}

}  // namespace

void LowerPoolForm(const Node& node, const PoolForm& form, PlanBuilder& builder) {
  if (form.IsGlobalAverage()) return LowerGlobalAverage(node, form, builder);
  const int64_t vector = builder.target().VectorFloats();
  const ValueId result = node.outputs[0];
  const FastOperand in = ReadBlocked(node.inputs[0], {}, builder);
  const FastOperand out = WriteBlocked(result, builder);
  const int64_t vectors = (form.out[1] + vector - 1) / vector;
  const auto taps = static_cast<double>(form.window.height * form.window.width + 4);
  const int64_t wanted = TaskCountOfCycles(
      taps * static_cast<double>(vectors * form.out[2] * form.out[3] * form.out[0]));
  const int64_t channel_tasks = std::min(wanted, vectors);
  const int64_t pixel_tasks = std::min((wanted + channel_tasks - 1) / channel_tasks, form.out[2]);
  Source source({"pool.h", "epilogue.h", "reorder.h"});
  source.OpenKernel(1, 1);
  source.Line(Text("constexpr PoolConfig kConfig{.in = ", ViewText(in.view),
                   ", .out = ", ViewText(out.view), ", .window = ", WindowText(form.window),
                   ", .kind = ", KindText(form.kind), ", .vector = ", vector,
                   ", .channel_tasks = ", channel_tasks, ", .pixel_tasks = ", pixel_tasks, "};"));
  source.Line("float* out = reinterpret_cast<float*>(p0);");
  if (out.view.HasHalo()) source.Line(FillHaloText(out.view, "out"));
  source.Line(
      "Pool<kConfig, activation::Identity>(reinterpret_cast<const float*>(p1), out, task);");
  source.Close();
  AddFast(node,
          {.path = Text("pool ", form.window.height, "x", form.window.width),
           .source = std::move(source).Take(),
           .writes = {out.First()},
           .reads = {in.First()},
           .tasks = static_cast<uint32_t>(channel_tasks * pixel_tasks)},
          builder);
  FinishBlocked(result, out, builder);
}

}  // namespace kedge::compiler
