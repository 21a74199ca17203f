// Elementwise work and concatenation on blocked tensors: kernels/blocked.h.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "compiler/codegen/lower_fast.h"
#include "compiler/codegen/source.h"
#include "compiler/codegen/tile.h"

namespace kedge::compiler {
namespace {

// One step over the rows of a blocked result. `call` is the kernel's name and epilogue, `constants`
// are read after the inputs.
struct BlockedCall {
  const char* kernel;
  Epilogue epilogue;
  std::vector<FastOperand> inputs;
  std::vector<BufferRef> constants;
  FastOperand out;
  bool fill_halo = true;
};

void AddBlockedStep(const Node& node, const BlockedCall& call, PlanBuilder& builder) {
  const TensorView& view = call.out.view;
  const int64_t rows = (view.channels + view.block - 1) / view.block * view.height;
  const int64_t tasks = std::min<int64_t>(
      TaskCountOfCycles(static_cast<double>(rows * view.width * view.batch)), rows);
  Source source({"blocked.h", "epilogue.h", "reorder.h"});
  const size_t reads = call.inputs.size() + call.constants.size();
  source.OpenKernel(1, reads);
  source.Line(Text("constexpr BlockedConfig kConfig{.a = ", ViewText(call.inputs[0].view),
                   ", .b = ", ViewText(call.inputs.back().view), ", .out = ", ViewText(view),
                   ", .vector = ", view.block, ", .tasks = ", tasks, "};"));
  source.Line("float* out = reinterpret_cast<float*>(p0);");
  if (view.HasHalo() && call.fill_halo) source.Line(FillHaloText(view, "out"));
  std::string line = Text(call.kernel, "<kConfig, ", EpilogueText(call.epilogue), ">(");
  for (size_t i = 1; i <= reads; ++i) line += Text("reinterpret_cast<const float*>(p", i, "), ");
  source.Line(line + "out, task);");
  source.Close();
  Step step{.path = call.kernel,
            .source = std::move(source).Take(),
            .writes = {call.out.First()},
            .tasks = static_cast<uint32_t>(tasks)};
  for (const FastOperand& input : call.inputs) step.reads.push_back(input.First());
  step.reads.insert(step.reads.end(), call.constants.begin(), call.constants.end());
  AddFast(node, std::move(step), builder);
}

Epilogue FollowerActivation(const Node& node, const PlanBuilder& builder) {
  const Node* follower = FollowerOf(builder.graph(), node);
  if (follower == nullptr) return {};
  return ReadActivationNode(builder.graph(), *follower).value_or(Epilogue{});
}

// Batch normalisation as scale and shift a channel, in double.
BufferRef AffineConstants(const Node& node, bool shift, PlanBuilder& builder) {
  const auto tensor = [&](size_t i) { return builder.value(node.inputs[i]).constant; };
  const auto scale = tensor(1), bias = tensor(2), mean = tensor(3), variance = tensor(4);
  const double epsilon = FloatAttribute(node, "epsilon", 1e-5f);
  const int64_t vector = builder.target().VectorFloats();
  const int64_t channels = scale->elements();
  const int64_t padded = (channels + vector - 1) / vector * vector;
  const std::string key =
      Text(shift ? "shift " : "scale ", node.inputs[1], " ", node.inputs[2], " ", node.inputs[3],
           " ", node.inputs[4], " ", DoubleLiteral(epsilon));
  return builder.Weights(
      key, static_cast<uint64_t>(padded) * sizeof(float), [=](std::span<uint8_t> to) {
        auto* floats = reinterpret_cast<float*>(to.data());
        std::fill(floats, floats + padded, 0.0f);
        for (int64_t c = 0; c < channels; ++c) {
          const auto i = static_cast<size_t>(c);
          const double s = static_cast<double>(scale->As<float>()[i]) /
                           std::sqrt(static_cast<double>(variance->As<float>()[i]) + epsilon);
          const double t = static_cast<double>(bias->As<float>()[i]) -
                           s * static_cast<double>(mean->As<float>()[i]);
          floats[c] = static_cast<float>(shift ? t : s);
        }
      });
}

// Parts that do not lie inside the whole already are copied into their slice.
void LowerConcat(const Node& node, PlanBuilder& builder) {
  const FastOperand whole = WriteFast(node.outputs[0], builder);
  int64_t channel = 0;
  for (ValueId id : node.inputs) {
    const FastOperand part = ReadFast(id, builder);
    FastOperand slice = whole;
    slice.view.channels = part.view.channels;
    slice.place.offset +=
        static_cast<uint64_t>(channel / whole.view.block * whole.view.plane) * sizeof(float);
    channel += part.view.channels;
    const bool placed =
        part.place.buffer == slice.place.buffer && part.place.offset == slice.place.offset;
    if (placed) continue;
    AddBlockedStep(node, {.kernel = "BlockedMap", .inputs = {part}, .out = slice}, builder);
  }
}

}  // namespace

void LowerBlockedForm(const Node& node, BlockedForm form, PlanBuilder& builder) {
  if (form == BlockedForm::kConcat) return LowerConcat(node, builder);
  BlockedCall call{.kernel = "BlockedMap", .out = WriteFast(ResultOf(node, builder), builder)};
  call.inputs.push_back(ReadFast(node.inputs[0], builder));
  call.epilogue = FollowerActivation(node, builder);
  if (form == BlockedForm::kSum) {
    call.kernel = "BlockedSum";
    call.inputs.push_back(ReadFast(node.inputs[1], builder));
  } else if (form == BlockedForm::kAffine) {
    call.kernel = "BlockedAffine";
    call.constants = {AffineConstants(node, false, builder), AffineConstants(node, true, builder)};
  } else {
    call.epilogue = ReadActivationNode(builder.graph(), node).value_or(Epilogue{});
  }
  AddBlockedStep(node, call, builder);
}

}  // namespace kedge::compiler
