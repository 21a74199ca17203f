// Reductions along axes and global pooling: one emitter.
//
// Dimensions are kept or reduced. If the innermost is reduced, each result is a row reduced in
// lanes; if it is kept, neighbouring results are reduced side by side, so that either way memory is
// read in streams.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "compiler/codegen/loop_nest.h"
#include "compiler/codegen/lowering.h"

namespace kedge::compiler {
namespace {

struct Reduction {
  std::string_view op;
  std::string_view kernel;  // a reduction of generic/reduce.h
  bool real = false;        // integers are reduced as doubles
};

constexpr Reduction kReductions[] = {
    {"GlobalAveragePool", "Mean"},
    {"GlobalMaxPool", "Maximum"},
    {"ReduceL1", "L1"},
    {"ReduceL2", "L2", true},
    {"ReduceLogSum", "LogSum", true},
    {"ReduceLogSumExp", "Sum", true},
    {"ReduceMax", "Maximum"},
    {"ReduceMean", "Mean"},
    {"ReduceMin", "Minimum"},
    {"ReduceProd", "Prod"},
    {"ReduceSum", "Sum"},
    {"ReduceSumSquare", "SumSquare"},
};

const Reduction& FindReduction(std::string_view op) {
  const auto* row = std::find_if(std::begin(kReductions), std::end(kReductions),
                                 [&](const Reduction& r) { return r.op == op; });
  KEDGE_CHECK(row != std::end(kReductions));
  return *row;
}

std::string_view AccumulatorType(DType dtype, bool real) {
  if (dtype == DType::kF64 || (real && !IsFloat(dtype))) return "double";
  if (IsFloat(dtype)) return "float";
  const bool is_unsigned = dtype == DType::kU8 || dtype == DType::kU16 || dtype == DType::kU32 ||
                           dtype == DType::kU64 || dtype == DType::kBool;
  return is_unsigned ? "uint64_t" : "int64_t";
}

// The two halves of the walk over the input. Tensor 0 of `kept` is the output, tensor 1 the input.
struct Walk {
  LoopNest kept;
  LoopNest reduced;
  int64_t count = 1;  // elements that make one result
};

Walk SplitWalk(const Shape& shape, const std::vector<bool>& is_reduced) {
  const std::vector<int64_t> strides = RowMajorStrides(shape);
  Walk walk;
  walk.kept.strides.resize(2);
  walk.reduced.strides.resize(1);
  for (size_t d = 0; d < shape.rank(); ++d) {
    if (is_reduced[d]) {
      walk.reduced.sizes.push_back(shape[d]);
      walk.reduced.strides[0].push_back(strides[d]);
      walk.count *= shape[d];
    } else {
      walk.kept.sizes.push_back(shape[d]);
      walk.kept.strides[1].push_back(strides[d]);
    }
  }
  walk.kept.strides[0] = RowMajorStrides(Shape(walk.kept.sizes));
  walk.kept.Collapse();
  walk.reduced.Collapse();
  return walk;
}

// Loops over all reduced dimensions but the last around `body`, which sees the offset `at`.
void WriteReducedLoops(Source& source, const LoopNest& nest,
                       const std::function<void(int64_t size, int64_t stride)>& body) {
  const size_t inner = nest.sizes.size() - 1;
  std::string at = "const int64_t at = 0";
  for (size_t d = 0; d < inner; ++d) {
    source.Open(Text("for (int64_t r", d, " = 0; r", d, " < ", nest.sizes[d], "; ++r", d, ")"));
    at += Text(" + r", d, " * ", nest.strides[0][d]);
  }
  source.Line(at + ";");
  body(nest.sizes[inner], nest.strides[0][inner]);
  for (size_t d = 0; d < inner; ++d) source.Close();
}

struct Writer {
  const Walk& walk;
  std::string reduction;    // "Sum<float>"
  std::string accumulator;  // "float"
  std::string input;        // element type
  std::string result;       // element type of the output
  bool log_sum_exp = false;

  std::string Finish(const std::string& value) const {
    std::string real = Text(reduction, "::Finish(", value, ", ", walk.count, ")");
    if (accumulator == "double" && result != "double" && result != "float" && result != "Half") {
      real = Text("ToInteger<", result, ">(", real, ")");
    }
    return Text("static_cast<", result, ">(", real, ")");
  }

  std::string Mapped(const std::string& index, const std::string& value) const {
    return Text("[&](int64_t ", index, ") KEDGE_LAMBDA_INLINE { return ", value, "; }");
  }

  void WriteLanes(Source& source, const std::string& name, const std::string& op,
                  const std::string& shift) const {
    source.Line(Text("Lanes<", op, "> ", name, ";"));
    source.Open("");
    WriteReducedLoops(source, walk.reduced, [&](int64_t size, int64_t stride) {
      const std::string element =
          Text("static_cast<", accumulator, ">(row[at + i * ", stride, "])");
      const std::string value =
          shift.empty() ? Text(op, "::Map(", element, ")") : Text("Exp(", element, shift, ")");
      source.Line(Text(name, ".Add(", size, ", ", Mapped("i", value), ");"));
    });
    source.Close();
  }

  void WriteRows(Source& source) const {
    const size_t inner = walk.kept.sizes.size() - 1;
    source.Open("for (int64_t j = begin; j < end; ++j)");
    source.Line(Text("const auto* row = x + j * ", walk.kept.strides[1][inner], ";"));
    if (log_sum_exp) {
      WriteLanes(source, "top", Text("Maximum<", accumulator, ">"), "");
      source.Line(Text("const ", accumulator, " shift = top.Fold();"));
      source.Line(Text("const ", accumulator, " base = Abs(shift) < Float<", accumulator,
                       ">::kInfinity ? shift : 0;"));
      WriteLanes(source, "lanes", reduction, " - base");
      source.Line(Text("y[j * ", walk.kept.strides[0][inner], "] = ", "static_cast<", result,
                       ">(Log(lanes.Fold()) + base);"));
    } else {
      WriteLanes(source, "lanes", reduction, "");
      source.Line(Text("y[j * ", walk.kept.strides[0][inner], "] = ", Finish("lanes.Fold()"), ";"));
    }
    source.Close();
  }

  void WriteColumns(Source& source) const {
    const size_t inner = walk.kept.sizes.size() - 1;
    const int64_t stride = walk.kept.strides[1][inner];
    source.Open("for (int64_t j = begin; j < end; j += kColumns)");
    source.Line("const int64_t n = end - j < kColumns ? end - j : kColumns;");
    source.Line(Text("Columns<", reduction, "> columns;"));
    source.Open("");
    WriteReducedLoops(source, walk.reduced, [&](int64_t size, int64_t step) {
      source.Open(Text("for (int64_t i = 0; i < ", size, "; ++i)"));
      const std::string element =
          Text("static_cast<", accumulator, ">(x[(j + c) * ", stride, " + at + i * ", step, "])");
      source.Line(
          Text("columns.Add(n, ", Mapped("c", Text(reduction, "::Map(", element, ")")), ");"));
      source.Close();
    });
    source.Close();
    source.Line(Text("for (int64_t c = 0; c < n; ++c) y[(j + c) * ", walk.kept.strides[0][inner],
                     "] = ", Finish("columns.column[c]"), ";"));
    source.Close();
  }
};

Status Emit(const Node& node, PlanBuilder& builder, const std::vector<bool>& is_reduced,
            const Reduction& reduction) {
  const Value& input = builder.value(node.inputs[0]);
  const Value& output = builder.value(node.outputs[0]);
  const Walk walk = SplitWalk(input.shape, is_reduced);
  const std::string accumulator(AccumulatorType(input.dtype, reduction.real));
  const Writer writer{walk,
                      Text(reduction.kernel, "<", accumulator, ">"),
                      accumulator,
                      std::string(ElementType(input.dtype)),
                      std::string(ElementType(output.dtype)),
                      node.op == "ReduceLogSumExp"};
  Step step;
  step.path = "generic-reduce";
  step.reads = {builder.ReadPlain(node.inputs[0])};
  step.writes = {builder.WritePlain(node.outputs[0])};
  const auto elements = static_cast<uint64_t>(input.shape.elements());
  step.tasks = TaskCount(elements * DTypeSize(input.dtype), elements, walk.kept.sizes[0]);

  Source source({"generic/reduce.h"});
  source.OpenKernel(1, 1);
  WriteOuterLoops(source, walk.kept, step.tasks, [&](const std::vector<std::string>& offsets) {
    source.Line(Text("auto* y = reinterpret_cast<", writer.result, "*>(p0) + ", offsets[0], ";"));
    source.Line(Text("const auto* x = reinterpret_cast<const ", writer.input, "*>(p1) + ",
                     offsets[1], ";"));
    const bool columns =
        walk.reduced.strides[0].back() != 1 && walk.kept.sizes.back() >= 8 && !writer.log_sum_exp;
    if (columns) {
      writer.WriteColumns(source);
    } else {
      writer.WriteRows(source);
    }
  });
  source.Close();
  step.source = std::move(source).Take();
  builder.Add(std::move(step));
  return {};
}

}  // namespace

Status LowerReduce(const Node& node, PlanBuilder& builder) {
  const size_t rank = builder.value(node.inputs[0]).shape.rank();
  KEDGE_TRY(const auto axes, ConstantInts(node, builder.graph(), 1, {}));
  const bool all = axes.empty() && IntAttribute(node, "noop_with_empty_axes", 0) == 0;
  std::vector<bool> is_reduced(rank, all);
  for (int64_t axis : axes) {
    is_reduced[static_cast<size_t>(axis < 0 ? axis + static_cast<int64_t>(rank) : axis)] = true;
  }
  return Emit(node, builder, is_reduced, FindReduction(node.op));
}

Status LowerGlobalPool(const Node& node, PlanBuilder& builder) {
  std::vector<bool> is_reduced(builder.value(node.inputs[0]).shape.rank(), true);
  is_reduced[0] = is_reduced[1] = false;
  if (node.op != "GlobalLpPool") {
    return Emit(node, builder, is_reduced, FindReduction(node.op));
  }
  const int64_t p = IntAttribute(node, "p", 2);
  if (p != 1 && p != 2) {
    return Unimplemented(Describe(node) + " has p " + std::to_string(p) + ", 1 and 2 are there");
  }
  return Emit(node, builder, is_reduced, FindReduction(p == 1 ? "ReduceL1" : "ReduceL2"));
}

Status LowerArgReduce(const Node& node, PlanBuilder& builder) {
  const Value& input = builder.value(node.inputs[0]);
  const auto axis = static_cast<size_t>(AxisAttribute(node, "axis", 0, input.shape.rank()));
  int64_t outer = 1, inner = 1;
  for (size_t d = 0; d < axis; ++d) outer *= input.shape[d];
  for (size_t d = axis + 1; d < input.shape.rank(); ++d) inner *= input.shape[d];
  const int64_t n = input.shape[axis];
  const bool last = IntAttribute(node, "select_last_index", 0) != 0;

  Source source({"generic/reduce.h"});
  source.OpenKernel(1, 1);
  source.Line("auto* y = reinterpret_cast<int64_t*>(p0);");
  source.Line(Text("const auto* x = reinterpret_cast<const ", ElementType(input.dtype), "*>(p1);"));
  source.Open(Text("for (int64_t o = 0; o < ", outer, "; ++o)"));
  source.Open(Text("for (int64_t i = 0; i < ", inner, "; ++i)"));
  source.Line(Text("y[o * ", inner, " + i] = ArgExtreme<",
                   node.op == "ArgMax" ? "true, " : "false, ", last ? "true" : "false",
                   ">(x + o * ", n * inner, " + i, ", n, ", ", inner, ");"));
  source.Close();
  source.Close();
  source.Close();
  Step step;
  step.path = "generic-reduce";
  step.source = std::move(source).Take();
  step.reads = {builder.ReadPlain(node.inputs[0])};
  step.writes = {builder.WritePlain(node.outputs[0])};
  builder.Add(std::move(step));
  return {};
}

}  // namespace kedge::compiler
