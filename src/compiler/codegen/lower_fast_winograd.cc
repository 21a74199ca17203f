// 3x3 convolutions by Winograd: two steps over a scratch tensor, kernels/winograd.h.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "compiler/codegen/lower_fast.h"
#include "compiler/codegen/pack.h"
#include "compiler/codegen/source.h"

namespace kedge::compiler {
namespace {

bool HasWinogradShape(const ConvForm& form) {
  const WindowForm& w = form.window;
  return form.groups == 1 && w.height == 3 && w.width == 3 && w.stride_h * w.stride_w == 1 &&
         w.dilation_h * w.dilation_w == 1;
}

BufferRef PackedWeights(const ConvForm& form, const WinogradPacking& packing,
                        PlanBuilder& builder) {
  const auto tensor = builder.value(form.weight).constant;
  const std::string key = Text("winograd ", form.weight, " ", packing.size, " ", packing.vector,
                               "x", packing.group_vectors);
  return builder.Weights(key, static_cast<uint64_t>(packing.Floats()) * sizeof(float),
                         [packing, tensor](std::span<uint8_t> to) {
                           PackWinogradWeights(
                               packing, tensor->As<float>(),
                               {reinterpret_cast<float*>(to.data()), to.size() / sizeof(float)});
                         });
}

}  // namespace

TileProblem ConvTileProblem(const ConvForm& form, const Target& target) {
  const int64_t vector = target.VectorFloats();
  return {.steps = form.in[1] / form.groups * form.window.height * form.window.width,
          .vectors = (form.out[1] / form.groups + vector - 1) / vector,
          .rows = form.out[2],
          .columns = form.out[3],
          .input_bytes = form.in[1] / form.groups * form.in[2] * form.in[3] * 4};
}

WinogradChoice WinogradOf(const Graph& graph, const Node& node, const ConvForm& form,
                          const LayoutTable& layouts, const Target& target) {
  if (!HasWinogradShape(form) || !FollowersOf(graph, node).empty()) return {};
  if (form.residual != kNoValue && layouts[static_cast<size_t>(form.residual)].plain()) return {};
  const TileChoice direct = ChooseConvTile(ConvTileProblem(form, target), target);
  return ChooseWinograd({.in_channels = form.in[1],
                         .out_channels = form.out[1],
                         .rows = form.out[2],
                         .columns = form.out[3]},
                        direct.cycles, target);
}

WindowForm WidenForWinograd(const ConvForm& form, int size) {
  WindowForm window = form.window;
  const auto reach = [&](int64_t out, int64_t before, int64_t in) {
    return std::max<int64_t>(0, (out + size - 1) / size * size + 2 - before - in);
  };
  window.bottom = reach(form.out[2], window.top, form.in[2]);
  window.right = reach(form.out[3], window.left, form.in[3]);
  return window;
}

namespace {

// What both steps are made from.
struct WinogradCall {
  const Node& node;
  const ConvForm& form;
  const WinogradChoice& choice;
  FastOperand in, out, addend;
  BufferRef scratch;
  int64_t groups = 1, vector_groups = 1;  // of tiles and of output vectors

  bool HasAddend() const { return addend.view.channels > 0; }
};

std::string ConfigText(const WinogradCall& call, int64_t channel_tasks, int64_t tile_tasks) {
  std::string text = Text("constexpr WinogradConfig kConfig{.in = ", ViewText(call.in.view),
                          ", .out = ", ViewText(call.out.view));
  if (call.HasAddend()) text += Text(", .addend = ", ViewText(call.addend.view));
  return text + Text(", .pad_top = ", call.form.window.top, ", .pad_left = ", call.form.window.left,
                     ", .size = ", call.choice.size, ", .vector = ", call.in.view.block,
                     ", .tiles = ", call.choice.tiles, ", .vectors = ", call.choice.vectors,
                     ", .channel_tasks = ", channel_tasks, ", .tile_tasks = ", tile_tasks, "};");
}

void AddInputStep(const WinogradCall& call, PlanBuilder& builder) {
  const double cycles = call.choice.input_cycles * static_cast<double>(call.form.in[0]);
  const int64_t tasks = std::min<int64_t>(TaskCountOfCycles(cycles), call.groups);
  Source source({"winograd.h"});
  source.OpenKernel(1, 1);
  source.Line(ConfigText(call, 1, tasks));
  source.Line(
      "WinogradInput<kConfig>(reinterpret_cast<const float*>(p1), reinterpret_cast<float*>(p0), "
      "task);");
  source.Close();
  AddFast(call.node,
          {.path = Text("winograd ", call.choice.size, "x", call.choice.size, " input"),
           .source = std::move(source).Take(),
           .writes = {call.scratch},
           .reads = {call.in.First()},
           .tasks = static_cast<uint32_t>(tasks)},
          builder);
}

void AddProductStep(const WinogradCall& call, PlanBuilder& builder) {
  const ConvForm& form = call.form;
  const int64_t wanted =
      TaskCountOfCycles(call.choice.product_cycles * static_cast<double>(form.in[0]));
  const int64_t channel_tasks = std::min(wanted, call.vector_groups);
  const int64_t tile_tasks = std::min((wanted + channel_tasks - 1) / channel_tasks, call.groups);
  Source source({"winograd.h", "reorder.h"});
  source.OpenKernel(1, call.HasAddend() ? 4 : 3);
  source.Line(ConfigText(call, channel_tasks, tile_tasks));
  source.Line("float* out = reinterpret_cast<float*>(p0);");
  if (call.out.view.HasHalo()) source.Line(FillHaloText(call.out.view, "out"));
  source.Line(Text("WinogradProduct<kConfig, ", EpilogueText(form.epilogue),
                   ">(reinterpret_cast<const float*>(p1), reinterpret_cast<const float*>(p2), "
                   "reinterpret_cast<const float*>(p3), ",
                   call.HasAddend() ? "reinterpret_cast<const float*>(p4)" : "nullptr",
                   ", out, task);"));
  source.Close();
  const WinogradPacking packing{.out_channels = form.out[1],
                                .in_channels = form.in[1],
                                .size = call.choice.size,
                                .vector = call.in.view.block,
                                .group_vectors = call.choice.vectors};
  Step step{.path = Text("winograd ", call.choice.size, "x", call.choice.size, " product tile ",
                         call.choice.tiles, "x", call.choice.vectors),
            .source = std::move(source).Take(),
            .writes = {call.out.First()},
            .reads = {call.scratch, PackedWeights(form, packing, builder),
                      PackedChannels(form.bias, form.out[1], builder)},
            .tasks = static_cast<uint32_t>(channel_tasks * tile_tasks)};
  if (call.HasAddend()) step.reads.push_back(call.addend.First());
  AddFast(call.node, std::move(step), builder);
}

}  // namespace

void LowerWinogradForm(const Node& node, const ConvForm& form, const WinogradChoice& choice,
                       PlanBuilder& builder) {
  WinogradCall call{.node = node, .form = form, .choice = choice};
  call.in = ReadBlocked(form.input, WidenForWinograd(form, choice.size), builder);
  call.out = WriteBlocked(node.outputs[0], builder);
  if (form.residual != kNoValue) call.addend = ReadFast(form.residual, builder);
  const int64_t size = choice.size, vector = call.in.view.block;
  const auto parts = [](int64_t n, int64_t most) { return (n + most - 1) / most; };
  const int64_t tiles = parts(form.out[2], size) * parts(form.out[3], size);
  call.groups = parts(tiles, choice.tiles);
  call.vector_groups = parts(parts(form.out[1], vector), choice.vectors);
  const int64_t floats =
      (size + 2) * (size + 2) * parts(form.in[1], vector) * vector * tiles * form.in[0];
  call.scratch = builder.Scratch(static_cast<uint64_t>(floats) * sizeof(float));
  AddInputStep(call, builder);
  AddProductStep(call, builder);
  FinishBlocked(node.outputs[0], call.out, builder);
}

}  // namespace kedge::compiler
