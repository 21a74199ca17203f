// Pad and Resize: an axis at a time by tables of source indices (and weights), or, for Pad by a
// constant, as one copy into a filled tensor.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "compiler/codegen/copy.h"
#include "compiler/codegen/loop_nest.h"
#include "compiler/codegen/lowering.h"
#include "compiler/ops/resize.h"
#include "compiler/ops/slice_pad.h"

namespace kedge::compiler {
namespace {

constexpr size_t kInputsMax = 4;  // of both operators

// The node's operands, of which those after the first, amounts and sizes, must be constant.
Result<std::vector<Operand>> OperandsOf(const Node& node, PlanBuilder& builder) {
  std::vector<Operand> operands(kInputsMax);
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (node.inputs[i] == kNoValue) continue;
    const Value& value = builder.value(node.inputs[i]);
    if (i > 0 && value.constant == nullptr) {
      return Unimplemented(Describe(node) + ": input " + std::to_string(i) + " ('" + value.name +
                           "') is only known at run time");
    }
    operands[i] = {true, value.dtype, value.shape, value.constant.get()};
  }
  return operands;
}

// One axis of a tensor resampled by a table.
struct AxisStep {
  size_t axis = 0;
  int64_t taps = 1;
  std::vector<int64_t> index;   // [out][taps]
  std::vector<double> weights;  // the same; empty: taken as they are
};

// The axes one after the other, each from the former's result; intermediate results are scratch.
class Resampling {
 public:
  Resampling(const Node& node, PlanBuilder& builder)
      : node_(node), builder_(builder), dtype_(builder.value(node.outputs[0]).dtype) {}

  Status Lower(const std::vector<AxisStep>& steps) {
    Shape shape = builder_.value(node_.inputs[0]).shape;
    BufferRef from = builder_.ReadPlain(node_.inputs[0]);
    for (size_t i = 0; i < steps.size(); ++i) {
      Shape next = shape;
      next.dims[steps[i].axis] =
          static_cast<int64_t>(steps[i].index.size()) / std::max<int64_t>(steps[i].taps, 1);
      const bool last = i + 1 == steps.size();
      const BufferRef to = last ? builder_.WritePlain(node_.outputs[0])
                                : builder_.Scratch(StorageBytes(dtype_, next, {}));
      Add(steps[i], shape, next, from, to);
      shape = std::move(next);
      from = to;
    }
    return {};
  }

 private:
  template <class T>
  BufferRef Table(const char* what, size_t axis, const std::vector<T>& values) {
    const uint64_t bytes = std::max<size_t>(values.size(), 1) * sizeof(T);
    return builder_.Weights(Text(what, " ", node_.outputs[0], " ", axis), bytes,
                            [values](std::span<uint8_t> to) {
                              std::memset(to.data(), 0, to.size());
                              if (values.empty()) return;
                              std::memcpy(to.data(), values.data(), values.size() * sizeof(T));
                            });
  }

  void Add(const AxisStep& axis, const Shape& from_shape, const Shape& to_shape, BufferRef from,
           BufferRef to) {
    int64_t outer = 1, inner = 1;
    for (size_t d = 0; d < axis.axis; ++d) outer *= to_shape[d];
    for (size_t d = axis.axis + 1; d < to_shape.rank(); ++d) inner *= to_shape[d];
    const int64_t in = from_shape[axis.axis], out = to_shape[axis.axis], rows = outer * out;
    const bool blend = !axis.weights.empty();
    Step step;
    step.path = "generic-resample";
    step.writes = {to};
    step.reads = {from, Table("indices", axis.axis, axis.index)};
    const std::string compute(ComputeType(dtype_));
    if (blend && dtype_ == DType::kF64) {
      step.reads.push_back(Table("weights", axis.axis, axis.weights));
    } else if (blend) {
      const std::vector<float> narrow(axis.weights.begin(), axis.weights.end());
      step.reads.push_back(Table("weights", axis.axis, narrow));
    }
    const auto elements = static_cast<uint64_t>(to_shape.elements());
    step.tasks = TaskCount(elements * DTypeSize(dtype_) * 2,
                           elements * static_cast<uint64_t>(axis.taps) * 2, rows);
    const std::string_view type = blend ? ElementType(dtype_) : StorageType(dtype_);
    Source source({"generic/resample.h"});
    source.OpenKernel(1, step.reads.size());
    source.Line(Text("auto* y = reinterpret_cast<", type, "*>(p0);"));
    source.Line(Text("const auto* x = reinterpret_cast<const ", type, "*>(p1);"));
    source.Line("const auto* index = reinterpret_cast<const int64_t*>(p2);");
    source.Line(Text("const int64_t begin = task * ", rows, " / ", step.tasks,
                     ", end = (task + INT64_C(1)) * ", rows, " / ", step.tasks, ";"));
    const std::string where = Text("begin, end, ", in, ", ", out, ", ", inner);
    if (blend) {
      source.Line(Text("const auto* weight = reinterpret_cast<const ", compute, "*>(p3);"));
      source.Line(
          Text("BlendRows<", compute, ">(", where, ", ", axis.taps, ", index, weight, x, y);"));
    } else {
      source.Line(Text("TakeRows(", where, ", index, x, y);"));
    }
    source.Close();
    step.source = std::move(source).Take();
    builder_.Add(std::move(step));
  }

  const Node& node_;
  PlanBuilder& builder_;
  const DType dtype_;
};

// The source index of position i of an axis of `size` elements that is padded by repeating.
int64_t PaddedIndex(const std::string& mode, int64_t i, int64_t size) {
  if (i >= 0 && i < size) return i;
  if (mode == "edge") return std::clamp<int64_t>(i, 0, size - 1);
  if (mode == "wrap") return ((i % size) + size) % size;
  if (size == 1) return 0;
  const int64_t period = 2 * (size - 1);
  const int64_t within = ((i % period) + period) % period;
  return within < size ? within : period - within;
}

// A table that leaves an axis as it is.
AxisStep IdentityAxis(const Shape& shape) {
  AxisStep step;
  step.axis = shape.rank() - 1;
  for (int64_t i = 0; i < shape[step.axis]; ++i) step.index.push_back(i);
  return step;
}

Status LowerConstantPad(const Node& node, PlanBuilder& builder, const PadAmounts& pads) {
  const Value& input = builder.value(node.inputs[0]);
  const Value& output = builder.value(node.outputs[0]);
  const double value =
      HasInput(node, 2) ? ElementAsDouble(*builder.value(node.inputs[2]).constant, 0) : 0.0;
  Box box;
  for (size_t d = 0; d < input.shape.rank(); ++d) {
    const int64_t begin = pads.begin[d], end = pads.end[d];
    box.to_start.push_back(std::max<int64_t>(begin, 0));
    box.from_start.push_back(std::max<int64_t>(-begin, 0));
    box.sizes.push_back(std::max<int64_t>(
        0, input.shape[d] + std::min<int64_t>(begin, 0) + std::min<int64_t>(end, 0)));
  }
  CopyStep copy;
  copy.path = "generic-pad";
  copy.element_bytes = DTypeSize(input.dtype);
  copy.from = builder.ReadPlain(node.inputs[0]);
  copy.to = builder.WritePlain(node.outputs[0]);
  copy.copies = {CopyBox(output.shape, input.shape, box)};
  copy.fill = true;
  copy.fill_bits = ElementBits(input.dtype, value);
  copy.to_bytes = StorageBytes(output.dtype, output.shape, {});
  builder.Add(MakeCopies(std::move(copy)));
  return {};
}

}  // namespace

Status LowerPad(const Node& node, PlanBuilder& builder) {
  KEDGE_TRY(const std::vector<Operand> operands, OperandsOf(node, builder));
  KEDGE_TRY(const PadAmounts pads, ResolvePad(operands));
  const std::string mode = StringAttribute(node, "mode", "constant");
  if (mode == "constant") return LowerConstantPad(node, builder, pads);
  const Shape& from = builder.value(node.inputs[0]).shape;
  const Shape& to = builder.value(node.outputs[0]).shape;
  std::vector<AxisStep> steps;
  for (size_t d = 0; d < from.rank(); ++d) {
    if (pads.begin[d] == 0 && pads.end[d] == 0) continue;
    AxisStep step;
    step.axis = d;
    for (int64_t i = 0; i < to[d]; ++i) {
      step.index.push_back(PaddedIndex(mode, i - pads.begin[d], from[d]));
    }
    steps.push_back(std::move(step));
  }
  if (steps.empty()) steps.push_back(IdentityAxis(from));
  return Resampling(node, builder).Lower(steps);
}

Status LowerResize(const Node& node, PlanBuilder& builder) {
  const Value& input = builder.value(node.inputs[0]);
  KEDGE_TRY(const std::vector<Operand> operands, OperandsOf(node, builder));
  KEDGE_TRY(const std::vector<ResizeAxis> axes, ResolveResize(node, operands));
  std::vector<AxisStep> steps;
  for (size_t d = 0; d < axes.size(); ++d) {
    AxisStep step;
    step.axis = d;
    bool same = static_cast<int64_t>(axes[d].size()) == input.shape[d], blend = false;
    size_t taps = 1;
    for (const auto& row : axes[d]) taps = std::max(taps, row.size());
    for (size_t i = 0; i < axes[d].size(); ++i) {
      for (size_t t = 0; t < taps; ++t) {
        const ResizeTap tap = t < axes[d][i].size() ? axes[d][i][t] : ResizeTap{0, 0};
        step.index.push_back(tap.index);
        step.weights.push_back(tap.weight);
        blend = blend || tap.weight != 1;
        same = same && taps == 1 && tap.weight == 1 && tap.index == static_cast<int64_t>(i);
      }
    }
    step.taps = static_cast<int64_t>(taps);
    if (same) continue;
    if (!blend) step.weights.clear();
    if (blend && !IsFloat(input.dtype)) {
      return Unimplemented(Describe(node) + " interpolates " + std::string(DTypeName(input.dtype)) +
                           "; floats are there");
    }
    steps.push_back(std::move(step));
  }
  if (steps.empty()) steps.push_back(IdentityAxis(input.shape));
  return Resampling(node, builder).Lower(steps);
}

}  // namespace kedge::compiler
