// Dense and grouped convolutions and products with a constant matrix: one kernel, kernels/conv.h.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "compiler/codegen/lower_fast.h"
#include "compiler/codegen/pack.h"
#include "compiler/codegen/source.h"
#include "compiler/codegen/tile.h"

namespace kedge::compiler {
namespace {

// Everything the step is made from.
struct ConvCall {
  FastOperand in, out;
  FastOperand addend;  // channels 0: none
  WindowForm window;
  Epilogue epilogue;
  ConvPacking packing;
  ValueId weight = kNoValue, bias = kNoValue;
  float bias_scale = 1;
};

std::span<float> AsFloats(std::span<uint8_t> bytes) {
  return {reinterpret_cast<float*>(bytes.data()), bytes.size() / sizeof(float)};
}

BufferRef PackedWeights(const ConvCall& call, PlanBuilder& builder) {
  const ConvPacking packing = call.packing;
  const auto tensor = builder.value(call.weight).constant;
  const std::string key =
      Text("conv ", call.weight, " ", packing.block, " ", packing.vector, "x", packing.tile_vectors,
           " ", packing.groups, " ", packing.out_stride, " ", FloatLiteral(packing.scale));
  return builder.Weights(key, static_cast<uint64_t>(packing.Floats()) * sizeof(float),
                         [packing, tensor](std::span<uint8_t> to) {
                           PackConvWeights(packing, tensor->As<float>(), AsFloats(to));
                         });
}

BufferRef PackedBias(const ConvCall& call, PlanBuilder& builder) {
  const ConvPacking packing = call.packing;
  const float scale = call.bias_scale;
  const auto tensor = call.bias == kNoValue ? nullptr : builder.value(call.bias).constant;
  const std::string key = Text("bias ", call.bias, " ", packing.vector, " ", packing.out_channels,
                               " ", packing.groups, " ", FloatLiteral(scale));
  return builder.Weights(key, static_cast<uint64_t>(packing.BiasFloats()) * sizeof(float),
                         [packing, tensor, scale](std::span<uint8_t> to) {
                           std::span<const float> source;
                           if (tensor != nullptr) source = tensor->As<float>();
                           PackConvBias(packing, source, scale, AsFloats(to));
                         });
}

// All pixels in one row where nothing stands between rows.
void JoinRows(ConvCall& call) {
  const bool addend = call.addend.view.channels > 0;
  if (!call.window.IsPoint() || !call.in.view.RowsTouch() || !call.out.view.RowsTouch()) return;
  if (addend && !call.addend.view.RowsTouch()) return;
  for (FastOperand* operand : {&call.in, &call.out}) operand->view = operand->view.AsOneRow();
  if (addend) call.addend.view = call.addend.view.AsOneRow();
}

struct Tasks {
  int64_t channels = 1, pixels = 1;
};

// Output channels are divided first where weights are more than activations: each core then streams
// its own weights.
Tasks DivideTasks(const TileProblem& problem, const TileChoice& tile, double cycles,
                  int64_t weight_floats, int64_t input_floats) {
  const int64_t wanted = TaskCountOfCycles(cycles);
  const int64_t vector_groups = (problem.vectors + tile.vectors - 1) / tile.vectors;
  const int64_t tiles = (problem.rows + tile.rows - 1) / tile.rows *
                        ((problem.columns + tile.columns - 1) / tile.columns);
  Tasks tasks;
  if (weight_floats > input_floats) {
    tasks.channels = std::min(wanted, vector_groups);
    tasks.pixels = std::min((wanted + tasks.channels - 1) / tasks.channels, tiles);
  } else {
    tasks.pixels = std::min(wanted, tiles);
    tasks.channels = std::min((wanted + tasks.pixels - 1) / tasks.pixels, vector_groups);
  }
  return tasks;
}

std::string ConfigText(const ConvCall& call, const TileChoice& tile, const Tasks& tasks) {
  std::string text = Text("constexpr ConvConfig kConfig{.in = ", ViewText(call.in.view),
                          ", .out = ", ViewText(call.out.view));
  if (call.addend.view.channels > 0) text += Text(", .addend = ", ViewText(call.addend.view));
  return text +
         Text(", .window = ", WindowText(call.window), ", .groups = ", call.packing.groups,
              ", .vector = ", call.packing.vector, ", .tile = {", tile.rows, ", ", tile.columns,
              ", ", tile.vectors, "}, .prefetch = ", tile.prefetch ? "true" : "false",
              ", .channel_tasks = ", tasks.channels, ", .pixel_tasks = ", tasks.pixels, "};");
}

void AddConvStep(const Node& node, ConvCall call, PlanBuilder& builder) {
  JoinRows(call);
  ConvPacking& packing = call.packing;
  packing.vector = builder.target().VectorFloats();
  packing.block = call.in.view.block;
  const TileProblem problem{.steps = packing.in_channels * packing.positions,
                            .vectors = packing.Vectors(),
                            .rows = call.out.view.height,
                            .columns = call.out.view.width,
                            .input_bytes = call.in.view.image * 4 / packing.groups};
  const TileChoice tile = ChooseConvTile(problem, builder.target());
  packing.tile_vectors = tile.vectors;
  const double cycles = tile.cycles * static_cast<double>(packing.groups * call.in.view.batch);
  const Tasks tasks =
      DivideTasks(problem, tile, cycles, packing.Floats(), call.in.view.image * call.in.view.batch);

  const bool addend = call.addend.view.channels > 0;
  Source source({"conv.h", "epilogue.h", "reorder.h"});
  source.OpenKernel(1, addend ? 4 : 3);
  source.Line(ConfigText(call, tile, tasks));
  source.Line("float* out = reinterpret_cast<float*>(p0);");
  source.Line("const auto* in = reinterpret_cast<const float*>(p1);");
  source.Line("const auto* weights = reinterpret_cast<const float*>(p2);");
  source.Line("const auto* bias = reinterpret_cast<const float*>(p3);");
  if (call.out.view.HasHalo()) source.Line(FillHaloText(call.out.view, "out"));
  source.Line(Text("Conv<kConfig, ", EpilogueText(call.epilogue), ">(in, weights, bias, ",
                   addend ? "reinterpret_cast<const float*>(p4)" : "nullptr", ", out, task);"));
  source.Close();
  Step step{.path = Text("conv ", call.window.height, "x", call.window.width, " tile ", tile.rows,
                         "x", tile.columns, "x", tile.vectors),
            .source = std::move(source).Take(),
            .writes = {call.out.First()},
            .reads = {call.in.First(), PackedWeights(call, builder), PackedBias(call, builder)},
            .tasks = static_cast<uint32_t>(tasks.channels * tasks.pixels)};
  if (addend) step.reads.push_back(call.addend.First());
  AddFast(node, std::move(step), builder);
}

}  // namespace

void LowerConvForm(const Node& node, const ConvForm& form, PlanBuilder& builder) {
  const auto followers = FollowersOf(builder.graph(), node);
  ConvCall call{
      .window = form.window, .epilogue = form.epilogue, .weight = form.weight, .bias = form.bias};
  // Groups that begin inside a block are read and written planar.
  const bool blocked = form.GroupsAreBlocks(builder.target().VectorFloats());
  call.in = blocked ? ReadWithHalo(form.input, form.window, builder)
                    : ReadPlanar(form.input, form.window, builder);
  if (form.residual != kNoValue) {
    call.addend =
        blocked ? ReadFast(form.residual, builder) : ReadPlanar(form.residual, {}, builder);
  }
  if (!followers.empty()) {  // to channels last
    call.out = {.place = builder.Write(followers.back()->outputs[0]),
                .view = ChannelsLastView(form.out)};
  } else {
    call.out = WriteFast(node.outputs[0], builder);
  }
  const int64_t positions = form.window.height * form.window.width;
  const int64_t in_channels = form.in[1] / form.groups, out_channels = form.out[1] / form.groups;
  call.packing = {.groups = form.groups,
                  .out_channels = out_channels,
                  .in_channels = in_channels,
                  .positions = positions,
                  .out_stride = in_channels * positions,
                  .in_stride = positions,
                  .position_stride = 1,
                  .group_stride = out_channels * in_channels * positions};
  AddConvStep(node, call, builder);
}

void LowerMatMulForm(const Node& node, const MatMulForm& form, PlanBuilder& builder) {
  ConvCall call{.epilogue = form.epilogue,
                .weight = form.weight,
                .bias = form.bias,
                .bias_scale = form.bias_scale};
  call.in = {.place = builder.ReadPlain(form.input), .view = MatrixView(form.rows, form.in)};
  if (form.residual != kNoValue) {
    call.addend = {.place = builder.ReadPlain(form.residual),
                   .view = MatrixView(form.rows, form.out)};
  }
  call.out = {.place = builder.WritePlain(node.outputs[0]),
              .view = MatrixView(form.rows, form.out)};
  call.packing = {.out_channels = form.out,
                  .in_channels = form.in,
                  .out_stride = form.transposed ? form.in : 1,
                  .in_stride = form.transposed ? 1 : form.out,
                  .scale = form.scale};
  AddConvStep(node, call, builder);
}

}  // namespace kedge::compiler
