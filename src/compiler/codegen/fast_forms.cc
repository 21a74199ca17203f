// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/fast_forms.h"

#include <algorithm>
#include <limits>

#include "compiler/codegen/source.h"
#include "compiler/graph/uses.h"
#include "compiler/ops/window.h"

namespace kedge::compiler {
namespace {

// Kernels index with 32 bits inside one image.
constexpr int64_t kImageElementsMax = int64_t{1} << 30;
// Windows are unrolled in depthwise kernels and pools.
constexpr int64_t kWindowSideMax = 15;

ValueId InputOrNone(const Node& node, size_t i) {
  return i < node.inputs.size() ? node.inputs[i] : kNoValue;
}

bool IsFloatImage(const Value& value) {
  return value.dtype == DType::kF32 && value.shape.rank() == 4 && value.shape.elements() > 0 &&
         value.shape.elements() < kImageElementsMax;
}

std::optional<WindowForm> ReadWindowForm(const Node& node, const Shape& in,
                                         const std::vector<int64_t>& kernel) {
  const Result<Window> resolved = ResolveWindow(node, {in[2], in[3]}, kernel);
  if (!resolved.has_value()) return std::nullopt;
  const Window& w = *resolved;
  if (w.kernel[0] > kWindowSideMax || w.kernel[1] > kWindowSideMax) return std::nullopt;
  WindowForm form{.height = w.kernel[0],
                  .width = w.kernel[1],
                  .stride_h = w.strides[0],
                  .stride_w = w.strides[1],
                  .dilation_h = w.dilations[0],
                  .dilation_w = w.dilations[1],
                  .top = w.pads_begin[0],
                  .left = w.pads_begin[1]};
  const auto reach = [&](size_t i, int64_t size) {
    const int64_t end = (w.output[i] - 1) * w.strides[i] + (w.kernel[i] - 1) * w.dilations[i] + 1;
    return std::max<int64_t>(0, end - w.pads_begin[i] - size);
  };
  form.bottom = reach(0, in[2]);
  form.right = reach(1, in[3]);
  const int64_t most = std::max({form.top, form.left, form.bottom, form.right, form.stride_h,
                                 form.stride_w, form.dilation_h, form.dilation_w});
  if (most > 1024) return std::nullopt;
  return form;
}

bool IsConstantOf(const Graph& graph, ValueId id, int64_t elements) {
  return graph.IsConstant(id) && graph.at(id).dtype == DType::kF32 &&
         graph.at(id).shape.elements() == elements;
}

}  // namespace

std::optional<ConvForm> ReadConvForm(const Graph& graph, const Node& node) {
  if (node.op != "Conv" || node.inputs.size() < 2) return std::nullopt;
  ConvForm form{.input = node.inputs[0], .weight = node.inputs[1], .bias = InputOrNone(node, 2)};
  const Value& in = graph.at(form.input);
  const Value& out = graph.at(node.outputs[0]);
  if (!IsFloatImage(in) || !IsFloatImage(out)) return std::nullopt;
  form.in = in.shape;
  form.out = out.shape;
  form.groups = IntAttribute(node, "group", 1);
  form.residual = ResidualInput(node);
  form.epilogue = ReadEpilogue(node);
  if (node.inputs.size() == 3 && form.residual != kNoValue) form.bias = kNoValue;
  if (!graph.IsConstant(form.weight)) return std::nullopt;
  if (form.bias != kNoValue && !IsConstantOf(graph, form.bias, form.out[1])) return std::nullopt;
  if (form.residual != kNoValue && graph.at(form.residual).shape != form.out) return std::nullopt;
  const Shape& w = graph.at(form.weight).shape;
  const auto window = ReadWindowForm(node, form.in, {w[2], w[3]});
  if (!window.has_value()) return std::nullopt;
  form.window = *window;
  return form;
}

bool PoolForm::IsGlobalAverage() const {
  return kind != Kind::kMax && window.height == in[2] && window.width == in[3] &&
         !window.HasHalo() && out[2] * out[3] == 1;
}

std::optional<PoolForm> ReadPoolForm(const Graph& graph, const Node& node) {
  const bool global = node.op == "GlobalAveragePool";
  if (!global && node.op != "MaxPool" && node.op != "AveragePool") return std::nullopt;
  if (node.outputs.size() > 1 && node.outputs[1] != kNoValue) return std::nullopt;
  const Value& in = graph.at(node.inputs[0]);
  const Value& out = graph.at(node.outputs[0]);
  if (!IsFloatImage(in) || !IsFloatImage(out)) return std::nullopt;
  PoolForm form{.in = in.shape, .out = out.shape};
  if (global) {
    form.window.height = in.shape[2];
    form.window.width = in.shape[3];
    form.kind = PoolForm::Kind::kAverage;
    return form;
  }
  const auto kernel = IntsAttribute(node, "kernel_shape");
  if (kernel == std::vector<int64_t>{in.shape[2], in.shape[3]} && node.op == "AveragePool" &&
      out.shape[2] * out.shape[3] == 1) {
    // A window over the whole image may be larger than what is unrolled.
    const auto pads = IntsAttribute(node, "pads", {0, 0, 0, 0});
    if (std::ranges::all_of(pads, [](int64_t pad) { return pad == 0; })) {
      form.window.height = in.shape[2];
      form.window.width = in.shape[3];
      form.kind = PoolForm::Kind::kAverage;
      return form;
    }
  }
  const auto window = ReadWindowForm(node, form.in, {});
  if (!window.has_value()) return std::nullopt;
  form.window = *window;
  if (node.op == "AveragePool") {
    const bool counting = IntAttribute(node, "count_include_pad", 0) != 0 && window->HasHalo();
    // What a window counts beyond the padding, where rounding up let it reach there, is another
    // matter: the generic path's.
    if (counting && IntAttribute(node, "ceil_mode", 0) != 0) return std::nullopt;
    form.kind = counting ? PoolForm::Kind::kAverageCountingPads : PoolForm::Kind::kAverage;
  }
  return form;
}

namespace {

std::optional<MatMulForm> ReadMatMul(const Graph& graph, const Node& node) {
  MatMulForm form{.input = node.inputs[0], .weight = node.inputs[1]};
  const Shape& a = graph.at(form.input).shape;
  const Shape& b = graph.at(form.weight).shape;
  if (a.rank() < 2 || b.rank() != 2) return std::nullopt;
  form.in = b[0];
  form.out = b[1];
  form.rows = form.in > 0 ? a.elements() / form.in : 0;
  return form;
}

std::optional<MatMulForm> ReadGemm(const Graph& graph, const Node& node) {
  MatMulForm form{.input = node.inputs[0], .weight = node.inputs[1], .bias = InputOrNone(node, 2)};
  if (IntAttribute(node, "transA", 0) != 0) return std::nullopt;
  if (form.bias != kNoValue && node.inputs.size() == 3 && ResidualInput(node) != kNoValue) {
    form.bias = kNoValue;
  }
  form.transposed = IntAttribute(node, "transB", 0) != 0;
  const Shape& b = graph.at(form.weight).shape;
  form.rows = graph.at(form.input).shape[0];
  form.in = form.transposed ? b[1] : b[0];
  form.out = form.transposed ? b[0] : b[1];
  form.scale = FloatAttribute(node, "alpha", 1);
  form.bias_scale = FloatAttribute(node, "beta", 1);
  return form;
}

}  // namespace

std::optional<MatMulForm> ReadMatMulForm(const Graph& graph, const Node& node) {
  if (node.op != "MatMul" && node.op != "Gemm") return std::nullopt;
  if (!graph.IsConstant(node.inputs[1])) return std::nullopt;
  if (graph.at(node.outputs[0]).dtype != DType::kF32) return std::nullopt;
  auto form = node.op == "Gemm" ? ReadGemm(graph, node) : ReadMatMul(graph, node);
  if (!form.has_value() || form->rows < 1 || form->in < 1 || form->out < 1) return std::nullopt;
  if (form->rows * std::max(form->in, form->out) > kImageElementsMax) return std::nullopt;
  form->residual = ResidualInput(node);
  form->epilogue = ReadEpilogue(node);
  if (form->bias != kNoValue) {
    // A row that stands for all rows, or one number.
    const Shape& c = graph.at(form->bias).shape;
    const bool row = IsConstantOf(graph, form->bias, form->out) &&
                     (c.rank() == 1 || c[c.rank() - 1] == form->out);
    if (!row && !IsConstantOf(graph, form->bias, 1)) return std::nullopt;
  }
  if (form->residual != kNoValue &&
      graph.at(form->residual).shape != graph.at(node.outputs[0]).shape) {
    return std::nullopt;
  }
  return form;
}

namespace {

std::optional<float> ConstantScalar(const Graph& graph, ValueId id) {
  if (!IsConstantOf(graph, id, 1)) return std::nullopt;
  return graph.at(id).constant->As<float>()[0];
}

std::optional<Epilogue> ReadClip(const Graph& graph, const Node& node) {
  Epilogue clip{.activation = Activation::kClip,
                .min = -std::numeric_limits<float>::infinity(),
                .max = std::numeric_limits<float>::infinity()};
  const ValueId min = InputOrNone(node, 1), max = InputOrNone(node, 2);
  const auto low = ConstantScalar(graph, min), high = ConstantScalar(graph, max);
  if ((min != kNoValue && !low) || (max != kNoValue && !high)) return std::nullopt;
  if (low) clip.min = *low;
  if (high) clip.max = *high;
  return clip;
}

}  // namespace

std::optional<Epilogue> ReadActivationNode(const Graph& graph, const Node& node) {
  if (!IsFloatImage(graph.at(node.outputs[0]))) return std::nullopt;
  if (node.op == "Relu") return Epilogue{.activation = Activation::kRelu};
  if (node.op == "Sigmoid") return Epilogue{.activation = Activation::kSigmoid};
  if (node.op == "Tanh") return Epilogue{.activation = Activation::kTanh};
  if (node.op == "HardSwish") return Epilogue{.activation = Activation::kHardSwish};
  if (node.op == "LeakyRelu") {
    return Epilogue{.activation = Activation::kLeakyRelu,
                    .alpha = FloatAttribute(node, "alpha", 0.01f)};
  }
  if (node.op == "Elu") {
    return Epilogue{.activation = Activation::kElu, .alpha = FloatAttribute(node, "alpha", 1)};
  }
  if (node.op == "HardSigmoid") {
    return Epilogue{.activation = Activation::kHardSigmoid,
                    .alpha = FloatAttribute(node, "alpha", 0.2f),
                    .beta = FloatAttribute(node, "beta", 0.5f)};
  }
  if (node.op == "Clip") return ReadClip(graph, node);
  return std::nullopt;
}

namespace {

// One float a channel of an image [n, channels, h, w], or one for all, under NumPy's broadcasting.
bool IsChannelConstant(const Graph& graph, ValueId id, int64_t channels) {
  if (!graph.IsConstant(id) || graph.at(id).dtype != DType::kF32) return false;
  const Shape& shape = graph.at(id).shape;
  if (shape.rank() > 4) return false;
  if (shape.elements() == 1) return true;
  return shape.rank() >= 3 && shape[shape.rank() - 3] == channels && shape.elements() == channels;
}

bool IsChannelAffine(const Graph& graph, const Node& node) {
  if ((node.op != "Mul" && node.op != "Add") || node.inputs.size() != 2) return false;
  const Shape& out = graph.at(node.outputs[0]).shape;
  for (size_t i : {size_t{0}, size_t{1}}) {
    if (IsChannelConstant(graph, node.inputs[i], out[1]) && !graph.IsConstant(node.inputs[1 - i]) &&
        graph.at(node.inputs[1 - i]).shape == out) {
      return true;
    }
  }
  return false;
}

}  // namespace

ValueId AffineInput(const Graph& graph, const Node& node) {
  return node.inputs[graph.IsConstant(node.inputs[0]) ? 1 : 0];
}

ValueId AffineConstant(const Graph& graph, const Node& node) {
  return node.inputs[graph.IsConstant(node.inputs[0]) ? 0 : 1];
}

BlockedForm ReadBlockedForm(const Graph& graph, const Node& node) {
  if (node.outputs.size() != 1) return BlockedForm::kNone;
  const Value& out = graph.at(node.outputs[0]);
  if (!IsFloatImage(out)) return BlockedForm::kNone;
  if (node.op == "Concat") {
    const int64_t axis = IntAttribute(node, "axis", 0);
    return axis == 1 || axis == -3 ? BlockedForm::kConcat : BlockedForm::kNone;
  }
  if (IsChannelAffine(graph, node)) return BlockedForm::kAffine;
  if (node.op == "Add" || node.op == "Sum") {
    const bool pair = node.inputs.size() == 2 && graph.at(node.inputs[0]).shape == out.shape &&
                      graph.at(node.inputs[1]).shape == out.shape &&
                      !graph.IsConstant(node.inputs[0]) && !graph.IsConstant(node.inputs[1]);
    return pair ? BlockedForm::kSum : BlockedForm::kNone;
  }
  if (node.op == "BatchNormalization") {
    for (size_t i = 1; i < node.inputs.size(); ++i) {
      if (!IsConstantOf(graph, node.inputs[i], out.shape[1])) return BlockedForm::kNone;
    }
    return node.inputs.size() == 5 ? BlockedForm::kAffine : BlockedForm::kNone;
  }
  return ReadActivationNode(graph, node) ? BlockedForm::kActivation : BlockedForm::kNone;
}

std::string EpilogueText(const Epilogue& e) {
  const auto with = [](const char* name, std::initializer_list<float> arguments) {
    std::string text = Text("activation::", name, "<");
    const char* separator = "";
    for (float argument : arguments) {
      text += Text(separator, FloatLiteral(argument));
      separator = ", ";
    }
    return text + ">";
  };
  switch (e.activation) {
    case Activation::kNone:
      return "activation::Identity";
    case Activation::kRelu:
      return "activation::Relu";
    case Activation::kClip:
      return with("Clip", {e.min, e.max});
    case Activation::kLeakyRelu:
      return with("LeakyRelu", {e.alpha});
    case Activation::kHardSigmoid:
      return with("HardSigmoid", {e.alpha, e.beta});
    case Activation::kHardSwish:
      return "activation::HardSwish";
    case Activation::kSigmoid:
      return "activation::Sigmoid";
    case Activation::kSilu:
      return "activation::Silu";
    case Activation::kTanh:
      return "activation::Tanh";
    case Activation::kElu:
      return with("Elu", {e.alpha});
  }
  return "activation::Identity";
}

namespace {

bool IsOutput(const Graph& graph, ValueId id) {
  return std::ranges::find(graph.outputs, id) != graph.outputs.end();
}

const Node* OnlyConsumer(const Graph& graph, ValueId id) {
  if (IsOutput(graph, id)) return nullptr;
  const Node* only = nullptr;
  for (const Node& node : graph.nodes) {
    const auto reads = std::ranges::count(node.inputs, id);
    if (reads == 0) continue;
    if (only != nullptr || reads > 1) return nullptr;
    only = &node;
  }
  return only;
}

bool Follows(const Graph& graph, const Node& leader, const Node& follower) {
  if (leader.op == "Conv") {
    if (follower.op != "Transpose" ||
        IntsAttribute(follower, "perm") != std::vector<int64_t>{0, 2, 3, 1}) {
      return false;
    }
    const auto conv = ReadConvForm(graph, leader);
    return conv.has_value() && !conv->IsDepthwise();
  }
  const BlockedForm form = ReadBlockedForm(graph, leader);
  if (form == BlockedForm::kAffine && leader.op == "Mul" && follower.op == "Add") {
    return ReadBlockedForm(graph, follower) == BlockedForm::kAffine;
  }
  return (form == BlockedForm::kSum || form == BlockedForm::kAffine) &&
         ReadActivationNode(graph, follower).has_value();
}

}  // namespace

std::vector<const Node*> FollowersOf(const Graph& graph, const Node& node) {
  std::vector<const Node*> chain;
  const Node* last = &node;
  while (last->op == "Conv" || ReadBlockedForm(graph, *last) == BlockedForm::kSum ||
         ReadBlockedForm(graph, *last) == BlockedForm::kAffine) {
    const Node* next = OnlyConsumer(graph, last->outputs[0]);
    if (next == nullptr || !Follows(graph, *last, *next)) break;
    chain.push_back(next);
    last = next;
  }
  return chain;
}

const Node* LeaderOf(const Graph& graph, const Node& node) {
  for (ValueId id : node.inputs) {
    const int producer = id == kNoValue ? -1 : graph.Producer(id);
    if (producer < 0) continue;
    const Node& before = graph.nodes[static_cast<size_t>(producer)];
    const auto chain = FollowersOf(graph, before);
    if (chain.empty() || chain.front() != &node) continue;
    const Node* first = LeaderOf(graph, before);
    return first != nullptr ? first : &before;
  }
  return nullptr;
}

}  // namespace kedge::compiler
