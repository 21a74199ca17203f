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

Epilogue ChainActivation(const Node& node, const PlanBuilder& builder) {
  const auto followers = FollowersOf(builder.graph(), node);
  if (followers.empty()) return {};
  return ReadActivationNode(builder.graph(), *followers.back()).value_or(Epilogue{});
}

// Scale and shift of each channel, computed in double.
struct Affine {
  using Constant = std::shared_ptr<const Tensor>;
  Constant scale, shift;    // may be null: 1 and 0
  Constant mean, variance;  // of a batch normalisation, or null
  double epsilon = 0;
  std::string key;  // names the constants

  static double At(const Constant& tensor, int64_t channel, double other) {
    if (tensor == nullptr) return other;
    const auto values = tensor->As<float>();
    return static_cast<double>(values[values.size() == 1 ? 0 : static_cast<size_t>(channel)]);
  }
  double Scale(int64_t c) const {
    const double s = At(scale, c, 1);
    return variance == nullptr ? s : s / std::sqrt(At(variance, c, 1) + epsilon);
  }
  double Shift(int64_t c) const {
    const double t = At(shift, c, 0);
    return mean == nullptr ? t : t - Scale(c) * At(mean, c, 0);
  }
};

// Of BatchNormalization; of Mul, Add, or Mul followed by Add.
Affine ReadAffine(const Node& node, const PlanBuilder& builder) {
  const Graph& graph = builder.graph();
  const auto constant = [&](ValueId id) { return graph.at(id).constant; };
  Affine affine;
  if (node.op == "BatchNormalization") {
    affine = {.scale = constant(node.inputs[1]),
              .shift = constant(node.inputs[2]),
              .mean = constant(node.inputs[3]),
              .variance = constant(node.inputs[4]),
              .epsilon = static_cast<double>(FloatAttribute(node, "epsilon", 1e-5f))};
    for (size_t i = 1; i < 5; ++i) affine.key += Text(" ", node.inputs[i]);
    affine.key += Text(" ", DoubleLiteral(affine.epsilon));
    return affine;
  }
  std::vector<const Node*> parts = FollowersOf(graph, node);
  parts.insert(parts.begin(), &node);
  for (const Node* part : parts) {
    if (ReadBlockedForm(graph, *part) != BlockedForm::kAffine) continue;
    const ValueId id = AffineConstant(graph, *part);
    (part->op == "Mul" ? affine.scale : affine.shift) = constant(id);
    affine.key += Text(" ", part->op, " ", id);
  }
  return affine;
}

BufferRef AffineConstants(const Affine& affine, bool shift, int64_t channels,
                          PlanBuilder& builder) {
  const int64_t vector = builder.target().VectorFloats();
  const int64_t padded = (channels + vector - 1) / vector * vector;
  return builder.Weights(Text(shift ? "shift" : "scale", affine.key, " of ", channels),
                         static_cast<uint64_t>(padded) * sizeof(float), [=](std::span<uint8_t> to) {
                           auto* floats = reinterpret_cast<float*>(to.data());
                           std::fill(floats, floats + padded, 0.0f);
                           for (int64_t c = 0; c < channels; ++c) {
                             floats[c] =
                                 static_cast<float>(shift ? affine.Shift(c) : affine.Scale(c));
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
  call.epilogue = ChainActivation(node, builder);
  ValueId first = node.inputs[0];
  if (form == BlockedForm::kSum) {
    call.kernel = "BlockedSum";
  } else if (form == BlockedForm::kAffine) {
    call.kernel = "BlockedAffine";
    if (node.op != "BatchNormalization") first = AffineInput(builder.graph(), node);
    const Affine affine = ReadAffine(node, builder);
    const int64_t channels = call.out.view.channels;
    call.constants = {AffineConstants(affine, false, channels, builder),
                      AffineConstants(affine, true, channels, builder)};
  } else {
    call.epilogue = ReadActivationNode(builder.graph(), node).value_or(Epilogue{});
  }
  call.inputs.push_back(ReadFast(first, builder));
  if (form == BlockedForm::kSum) call.inputs.push_back(ReadFast(node.inputs[1], builder));
  AddBlockedStep(node, call, builder);
}

}  // namespace kedge::compiler
