// Softmax and its kin, normalisations, running sums and LRN: operators over whole lines.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/loop_nest.h"
#include "compiler/codegen/lowering.h"

namespace kedge::compiler {
namespace {

// kShortLine of generic/rows.h.
constexpr int64_t kShortLine = 16;

// A shape seen as [outer][n][inner] around one axis.
struct Lines {
  int64_t outer = 1, n = 1, inner = 1;
};

Lines LinesOf(const Shape& shape, int64_t axis) {
  Lines lines;
  for (size_t d = 0; d < shape.rank(); ++d) {
    const auto at = static_cast<int64_t>(d);
    (at < axis ? lines.outer : at == axis ? lines.n : lines.inner) *= shape[d];
  }
  return lines;
}

// A step over lines: the operand pointers typed, the outer loop cut into tasks.
class LineKernel {
 public:
  LineKernel(const Node& node, PlanBuilder& builder)
      : builder_(builder), input_(builder.value(node.inputs[0])), source_({"generic/rows.h"}) {
    step_.path = "generic-rows";
    step_.reads = {builder.ReadPlain(node.inputs[0])};
    step_.writes = {builder.WritePlain(node.outputs[0])};
  }
  std::string element() const { return std::string(ElementType(input_.dtype)); }
  std::string compute() const { return std::string(ComputeType(input_.dtype)); }
  Step& step() { return step_; }

  // Opens the kernel with its range [begin, end) of `outer` lines, `weight` operations an element.
  Source& OpenRange(int64_t outer, uint64_t weight) {
    const auto elements = static_cast<uint64_t>(input_.shape.elements());
    step_.tasks = TaskCount(elements * DTypeSize(input_.dtype) * 2, elements * weight, outer);
    source_.OpenKernel(step_.writes.size(), step_.reads.size());
    source_.Line(Text("auto* y = reinterpret_cast<", element(), "*>(p0);"));
    source_.Line(Text("const auto* x = reinterpret_cast<const ", element(), "*>(p",
                      step_.writes.size(), ");"));
    source_.Line(Text("const int64_t begin = task * ", outer, " / ", step_.tasks,
                      ", end = (task + INT64_C(1)) * ", outer, " / ", step_.tasks, ";"));
    return source_;
  }
  // The same with a loop over them.
  Source& Open(int64_t outer, uint64_t weight) {
    OpenRange(outer, weight).Open("for (int64_t o = begin; o < end; ++o)");
    return source_;
  }
  Status Close() {
    source_.Close();
    return CloseRange();
  }
  Status CloseRange() {
    source_.Close();
    step_.source = std::move(source_).Take();
    builder_.Add(std::move(step_));
    return {};
  }

 private:
  PlanBuilder& builder_;
  const Value& input_;
  Source source_;
  Step step_;
};

std::string Number(DType dtype, float value) { return Literal(dtype, static_cast<double>(value)); }

Status LowerLayer(const Node& node, PlanBuilder& builder) {
  const Value& input = builder.value(node.inputs[0]);
  const int64_t axis = AxisAttribute(node, "axis", -1, input.shape.rank());
  int64_t outer = 1, n = 1;
  for (size_t d = 0; d < input.shape.rank(); ++d) {
    (static_cast<int64_t>(d) < axis ? outer : n) *= input.shape[d];
  }
  LineKernel kernel(node, builder);
  Step& step = kernel.step();
  for (size_t i = 1; i < 3; ++i) {
    if (HasOutput(node, i)) step.writes.push_back(builder.WritePlain(node.outputs[i]));
  }
  const size_t first_read = step.writes.size() + 1;
  std::string parameters[2];
  for (size_t i = 1; i < 3; ++i) {
    if (!HasInput(node, i)) continue;
    const int64_t count = builder.value(node.inputs[i]).shape.elements();
    if (count != 1 && count != n) {
      return Unimplemented(Describe(node) + ": a parameter of " + std::to_string(count) +
                           " elements for lines of " + std::to_string(n));
    }
    parameters[i - 1] =
        Text("static_cast<", kernel.compute(), ">(reinterpret_cast<const ", kernel.element(),
             "*>(p", first_read + step.reads.size() - 1, ")[", count == 1 ? "0" : "i", "])");
    step.reads.push_back(builder.ReadPlain(node.inputs[i]));
  }
  Source& source = kernel.Open(outer, 8);
  source.Line(Text("const auto m = MomentsOf<", kernel.compute(), ">(x + o * ", n, ", ", n, ", ",
                   Number(input.dtype, FloatAttribute(node, "epsilon", 1e-5f)), ");"));
  source.Open(Text("for (int64_t i = 0; i < ", n, "; ++i)"));
  std::string value = Text("(static_cast<", kernel.compute(), ">(x[o * ", n,
                           " + i]) - m.mean) * m.inverse_deviation");
  if (!parameters[0].empty()) value = Text("(", value, ") * ", parameters[0]);
  if (!parameters[1].empty()) value = Text(value, " + ", parameters[1]);
  source.Line(Text("y[o * ", n, " + i] = static_cast<", kernel.element(), ">(", value, ");"));
  source.Close();
  size_t write = 1;
  for (size_t i = 1; i < 3; ++i) {
    if (!HasOutput(node, i)) continue;
    const std::string_view type = ElementType(builder.value(node.outputs[i]).dtype);
    source.Line(Text("reinterpret_cast<", type, "*>(p", write++, ")[o] = static_cast<", type, ">(",
                     i == 1 ? "m.mean" : "m.inverse_deviation", ");"));
  }
  return kernel.Close();
}

Status LowerInstance(const Node& node, PlanBuilder& builder) {
  const Value& input = builder.value(node.inputs[0]);
  const int64_t channels = input.shape[1], outer = input.shape[0] * channels;
  const int64_t n = outer == 0 ? 0 : input.shape.elements() / outer;
  LineKernel kernel(node, builder);
  kernel.step().reads.push_back(builder.ReadPlain(node.inputs[1]));
  kernel.step().reads.push_back(builder.ReadPlain(node.inputs[2]));
  Source& source = kernel.Open(outer, 8);
  auto parameter = [&](size_t pointer) {
    return Text("static_cast<", kernel.compute(), ">(reinterpret_cast<const ", kernel.element(),
                "*>(p", pointer, ")[o % ", channels, "])");
  };
  source.Line(Text("const auto m = MomentsOf<", kernel.compute(), ">(x + o * ", n, ", ", n, ", ",
                   Number(input.dtype, FloatAttribute(node, "epsilon", 1e-5f)), ");"));
  source.Line(Text("const auto scale = ", parameter(2), " * m.inverse_deviation;"));
  source.Line(Text("const auto bias = ", parameter(3), ";"));
  source.Line("KEDGE_VECTORIZE");
  source.Line(Text("for (int64_t i = 0; i < ", n, "; ++i) y[o * ", n, " + i] = static_cast<",
                   kernel.element(), ">((static_cast<", kernel.compute(), ">(x[o * ", n,
                   " + i]) - m.mean) * scale + bias);"));
  return kernel.Close();
}

Status LowerLp(const Node& node, PlanBuilder& builder) {
  const Value& input = builder.value(node.inputs[0]);
  const Lines lines = LinesOf(input.shape, AxisAttribute(node, "axis", -1, input.shape.rank()));
  LineKernel kernel(node, builder);
  Source& source = kernel.Open(lines.outer, 4);
  source.Line(Text("for (int64_t i = 0; i < ", lines.inner, "; ++i) LpLine<",
                   IntAttribute(node, "p", 2), ", ", kernel.compute(), ">(x + o * ",
                   lines.n * lines.inner, " + i, y + o * ", lines.n * lines.inner, " + i, ",
                   lines.n, ", ", lines.inner, ");"));
  return kernel.Close();
}

}  // namespace

Status LowerSoftmax(const Node& node, PlanBuilder& builder) {
  const Value& input = builder.value(node.inputs[0]);
  const Lines lines = LinesOf(input.shape, AxisAttribute(node, "axis", -1, input.shape.rank()));
  LineKernel kernel(node, builder);
  const std::string_view kind =
      node.op == "Softmax" ? "kSoftmax" : (node.op == "Hardmax" ? "kHardmax" : "kLogSoftmax");
  const std::string arguments = Text("<Soft::", kind, ", ", kernel.compute());
  if (lines.inner == 1 && lines.n <= kShortLine && lines.n > 0 && node.op != "Hardmax") {
    kernel.OpenRange(lines.outer, 24)
        .Line(Text("SoftShortLines", arguments, ", ", lines.n, ">(x, y, begin, end);"));
    return kernel.CloseRange();
  }
  Source& source = kernel.Open(lines.outer, 24);
  const int64_t step = lines.n * lines.inner;
  if (lines.inner == 1) {
    source.Line(
        Text("SoftLine", arguments, ">(x + o * ", step, ", y + o * ", step, ", ", lines.n, ");"));
  } else {
    source.Open(Text("for (int64_t c = 0; c < ", lines.inner, "; c += kColumns)"));
    source.Line(Text("const int64_t left = ", lines.inner, " - c;"));
    source.Line(Text("SoftColumns", arguments, ">(x + o * ", step, " + c, y + o * ", step, " + c, ",
                     lines.n, ", ", lines.inner, ", left < kColumns ? left : kColumns);"));
    source.Close();
  }
  return kernel.Close();
}

Status LowerNormalize(const Node& node, PlanBuilder& builder) {
  if (node.op == "LayerNormalization") return LowerLayer(node, builder);
  if (node.op == "InstanceNormalization") return LowerInstance(node, builder);
  return LowerLp(node, builder);
}

Status LowerCumSum(const Node& node, PlanBuilder& builder) {
  const Value& input = builder.value(node.inputs[0]);
  KEDGE_TRY(const auto axes, ConstantInts(node, builder.graph(), 1, {0}));
  const auto rank = static_cast<int64_t>(input.shape.rank());
  const Lines lines = LinesOf(input.shape, axes[0] < 0 ? axes[0] + rank : axes[0]);
  LineKernel kernel(node, builder);
  Source& source = kernel.Open(lines.outer, 4);
  auto flag = [&](const char* name) { return IntAttribute(node, name, 0) != 0 ? "true" : "false"; };
  const int64_t step = lines.n * lines.inner;
  source.Line(Text("RunningSum<", flag("exclusive"), ", ", flag("reverse"), ">(x + o * ", step,
                   ", y + o * ", step, ", ", lines.n, ", ", lines.inner, ");"));
  return kernel.Close();
}

Status LowerLrn(const Node& node, PlanBuilder& builder) {
  const Value& input = builder.value(node.inputs[0]);
  if (input.dtype == DType::kF64) return Unimplemented(Describe(node) + " is of type f64");
  const Lines lines = LinesOf(input.shape, 1);
  LineKernel kernel(node, builder);
  Source& source = kernel.Open(lines.outer * ((lines.inner + 63) / 64), 16);
  const int64_t chunks = (lines.inner + 63) / 64;
  auto number = [&](const char* name, float other) {
    return FloatLiteral(FloatAttribute(node, name, other));
  };
  source.Line(Text("const Lrn lrn{", lines.n, ", ", lines.inner, ", ",
                   IntAttribute(node, "size", 1), ", ", number("alpha", 1e-4f), ", ",
                   number("beta", 0.75f), ", ", number("bias", 1.0f), "};"));
  source.Line(Text("const int64_t c = o % ", chunks, " * kColumns;"));
  source.Line(Text("const int64_t at = o / ", chunks, " * ", lines.n * lines.inner, " + c;"));
  source.Line(Text("const int64_t left = ", lines.inner, " - c;"));
  source.Line("LrnColumns(lrn, x + at, y + at, left < kColumns ? left : kColumns);");
  return kernel.Close();
}

}  // namespace kedge::compiler
