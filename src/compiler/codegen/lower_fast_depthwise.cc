// Depthwise convolutions: kernels/depthwise.h.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "compiler/codegen/lower_fast.h"
#include "compiler/codegen/pack.h"
#include "compiler/codegen/source.h"
#include "compiler/codegen/tile.h"

namespace kedge::compiler {
BufferRef PackedPositions(ValueId id, int64_t channels, int64_t positions, PlanBuilder& builder) {
  const int64_t vector = builder.target().VectorFloats();
  const int64_t padded = (channels + vector - 1) / vector * vector;
  const auto tensor = id == kNoValue ? nullptr : builder.value(id).constant;
  return builder.Weights(Text("depthwise ", id, " ", channels),
                         static_cast<uint64_t>(padded * positions) * sizeof(float),
                         [=](std::span<uint8_t> to) {
                           const std::span<float> floats{reinterpret_cast<float*>(to.data()),
                                                         to.size() / sizeof(float)};
                           const int64_t real = tensor == nullptr ? 0 : channels;
                           std::span<const float> source;
                           if (tensor != nullptr) source = tensor->As<float>();
                           PackDepthwiseWeights(real, positions, vector, source, floats);
                         });
}

BufferRef PackedChannels(ValueId id, int64_t channels, PlanBuilder& builder) {
  return PackedPositions(id, channels, 1, builder);
}

void LowerDepthwiseForm(const Node& node, const ConvForm& form, PlanBuilder& builder) {
  const int64_t vector = builder.target().VectorFloats();
  const ValueId result = node.outputs[0];
  const FastOperand in = ReadBlocked(form.input, form.window, builder);
  const FastOperand out = WriteBlocked(result, builder);
  const TileChoice tile = ChooseDepthwiseTile({.kernel_h = form.window.height,
                                               .kernel_w = form.window.width,
                                               .stride_h = form.window.stride_h,
                                               .stride_w = form.window.stride_w,
                                               .rows = form.out[2],
                                               .columns = form.out[3]},
                                              builder.target());
  const int64_t vectors = (form.out[1] + vector - 1) / vector;
  const int64_t wanted =
      TaskCountOfCycles(tile.cycles * static_cast<double>(vectors * form.out[0]));
  const int64_t channel_tasks = std::min(wanted, vectors);
  const int64_t bands = (form.out[2] + tile.rows - 1) / tile.rows;
  const int64_t pixel_tasks = std::min((wanted + channel_tasks - 1) / channel_tasks, bands);

  Source source({"depthwise.h", "epilogue.h", "reorder.h"});
  source.OpenKernel(1, 3);
  source.Line(Text("constexpr DepthwiseConfig kConfig{.in = ", ViewText(in.view),
                   ", .out = ", ViewText(out.view), ", .window = ", WindowText(form.window),
                   ", .vector = ", vector, ", .tile = {", tile.rows, ", ", tile.columns,
                   ", 1}, .channel_tasks = ", channel_tasks, ", .pixel_tasks = ", pixel_tasks,
                   "};"));
  source.Line("float* out = reinterpret_cast<float*>(p0);");
  if (out.view.HasHalo()) source.Line(FillHaloText(out.view, "out"));
  source.Line(Text("Depthwise<kConfig, ", EpilogueText(form.epilogue),
                   ">(reinterpret_cast<const float*>(p1), reinterpret_cast<const float*>(p2), "
                   "reinterpret_cast<const float*>(p3), out, task);"));
  source.Close();
  AddFast(node,
          {.path = Text("depthwise ", form.window.height, "x", form.window.width, " tile ",
                        tile.rows, "x", tile.columns),
           .source = std::move(source).Take(),
           .writes = {out.First()},
           .reads = {in.First(),
                     PackedPositions(form.weight, form.in[1],
                                     form.window.height * form.window.width, builder),
                     PackedChannels(form.bias, form.in[1], builder)},
           .tasks = static_cast<uint32_t>(channel_tasks * pixel_tasks)},
          builder);
  FinishBlocked(result, out, builder);
}

}  // namespace kedge::compiler
