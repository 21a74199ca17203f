// Slice and Pad; their canonical form stands in rearrange.cc's table.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/ops/slice_pad.h"

#include <algorithm>

#include "compiler/ops/elements.h"
#include "compiler/ops/rules.h"

namespace kedge::compiler {
namespace {

bool AllConstant(std::span<const Operand> operands) {
  return std::all_of(operands.begin(), operands.end(), [](const Operand& operand) {
    return !operand.present || operand.constant != nullptr;
  });
}

// axes input `operand`, or every axis up to `count` if it is absent.
Result<std::vector<int64_t>> SliceAxes(const Operand& operand, size_t rank, size_t count) {
  std::vector<int64_t> axes;
  if (!operand.present) {
    for (size_t i = 0; i < count; ++i) axes.push_back(static_cast<int64_t>(i));
  } else {
    KEDGE_TRY(axes, ConstantInts(operand, "axes"));
  }
  if (axes.size() != count) return InvalidArgument("input 'axes' has another size than the others");
  KEDGE_TRY_STATUS(ResolveAxes(axes, rank));
  for (int64_t& axis : axes) {
    KEDGE_TRY(axis, ResolveAxis(axis, rank));
  }
  return axes;
}

// NumPy's rule for one axis of size `size`.
SliceRange ResolveRange(int64_t start, int64_t end, int64_t step, int64_t size) {
  const auto wrap = [size](int64_t at) { return at < 0 ? at + size : at; };
  SliceRange range{.start = 0, .step = step, .size = 0};
  if (step > 0) {
    range.start = std::clamp<int64_t>(wrap(start), 0, size);
    const int64_t last = std::clamp<int64_t>(wrap(end), 0, size);
    if (last > range.start) range.size = (last - range.start - 1) / step + 1;
  } else {
    range.start = std::clamp<int64_t>(wrap(start), -1, size - 1);
    const int64_t last = std::clamp<int64_t>(wrap(end), -1, size - 1);
    // Written so that the most negative step does not overflow.
    if (last < range.start) range.size = (last - range.start + 1) / step + 1;
  }
  return range;
}

Result<OutputTypes> InferSlice(const Node&, std::span<const Operand> operands) {
  if (!AllConstant(operands.subspan(1))) return OneUnknown(operands[0].dtype);
  KEDGE_TRY(const std::vector<SliceRange> ranges, ResolveSlice(operands));
  Shape shape;
  for (const SliceRange& range : ranges) shape.dims.push_back(range.size);
  return OneOutput(operands[0].dtype, std::move(shape));
}

std::vector<Operand> OperandsOf(std::span<const Tensor* const> inputs) {
  std::vector<Operand> operands;
  for (const Tensor* input : inputs) {
    Operand operand;
    if (input != nullptr) operand = {true, input->dtype(), input->shape(), input};
    operands.push_back(std::move(operand));
  }
  return operands;
}

Status EvaluateSlice(const Node&, std::span<const Tensor* const> inputs,
                     std::span<Tensor> outputs) {
  KEDGE_TRY(const std::vector<SliceRange> ranges, ResolveSlice(OperandsOf(inputs)));
  if (outputs[0].elements() == 0) return {};
  std::vector<int64_t> strides = RowMajorStrides(inputs[0]->shape());
  int64_t start = 0;
  for (size_t i = 0; i < ranges.size(); ++i) {
    start += ranges[i].start * strides[i];
    strides[i] *= ranges[i].size > 1 ? ranges[i].step : 0;
  }
  CopyStrided(*inputs[0], strides, start, outputs[0]);
  return {};
}

Result<OutputTypes> InferPad(const Node& node, std::span<const Operand> operands) {
  const Operand& x = operands[0];
  const std::string mode = StringAttribute(node, "mode", "constant");
  if (mode != "constant" && mode != "edge" && mode != "reflect" && mode != "wrap")
    return InvalidArgument("attribute 'mode' is '" + mode + "'");
  if (operands[2].present) {
    KEDGE_TRY_STATUS(RequireSameType(x, operands[2]));
    if (operands[2].shape.elements() != 1)
      return InvalidArgument("input 'constant_value' is not a scalar");
  }
  const Operand needed[] = {operands[1], operands[3]};
  if (!AllConstant(needed)) return OneUnknown(x.dtype);
  KEDGE_TRY(const PadAmounts pads, ResolvePad(operands));
  Shape shape = x.shape;
  for (size_t i = 0; i < shape.rank(); ++i) {
    shape.dims[i] += pads.begin[i] + pads.end[i];
    if (shape[i] < 0)
      return InvalidArgument("more is cut off than dimension " + std::to_string(i) + " has");
    const bool grows = pads.begin[i] > 0 || pads.end[i] > 0;
    const int64_t reach = std::max(pads.begin[i], pads.end[i]);
    if (grows && mode != "constant" &&
        (x.shape[i] == 0 || (mode == "reflect" && reach >= x.shape[i])))
      return InvalidArgument("dimension " + std::to_string(i) + " is too small for mode " + mode);
  }
  return OneOutput(x.dtype, std::move(shape));
}

// The index in the input for an index of the padded dimension, or -1 for padding.
int64_t SourceIndex(std::string_view mode, int64_t i, int64_t size) {
  if (i >= 0 && i < size) return i;
  if (mode == "constant") return -1;
  if (mode == "edge") return i < 0 ? 0 : size - 1;
  if (mode == "wrap") return (i % size + size) % size;
  return i < 0 ? -i : 2 * (size - 1) - i;
}

Status EvaluatePad(const Node& node, std::span<const Tensor* const> inputs,
                   std::span<Tensor> outputs) {
  KEDGE_TRY(const PadAmounts pads, ResolvePad(OperandsOf(inputs)));
  const std::string mode = StringAttribute(node, "mode", "constant");
  const Shape& shape = inputs[0]->shape();
  const std::vector<int64_t> strides = RowMajorStrides(shape);
  const size_t size = DTypeSize(outputs[0].dtype());
  uint8_t* to = outputs[0].mutable_bytes().data();
  for (Odometer at(outputs[0].shape(), {}); !at.done(); at.Next(), to += size) {
    int64_t offset = 0;
    bool inside = true;
    for (size_t i = 0; i < shape.rank(); ++i) {
      const int64_t from = SourceIndex(mode, at.index()[i] - pads.begin[i], shape[i]);
      inside &= from >= 0;
      offset += from * strides[i];
    }
    if (inside) {
      std::memcpy(to, inputs[0]->bytes().data() + static_cast<size_t>(offset) * size, size);
    } else if (inputs[2] != nullptr) {
      std::memcpy(to, inputs[2]->bytes().data(), size);
    }
  }
  return {};
}

}  // namespace

Result<std::vector<SliceRange>> ResolveSlice(std::span<const Operand> operands) {
  const Shape& x = operands[0].shape;
  KEDGE_TRY(const std::vector<int64_t> starts, ConstantInts(operands[1], "starts"));
  KEDGE_TRY(const std::vector<int64_t> ends, ConstantInts(operands[2], "ends"));
  if (starts.size() != ends.size() || starts.size() > x.rank())
    return InvalidArgument("inputs 'starts' and 'ends' have " + std::to_string(starts.size()) +
                           " and " + std::to_string(ends.size()) + " elements");
  KEDGE_TRY(const std::vector<int64_t> axes, SliceAxes(operands[3], x.rank(), starts.size()));
  std::vector<int64_t> steps(starts.size(), 1);
  if (operands[4].present) {
    KEDGE_TRY(steps, ConstantInts(operands[4], "steps"));
  }
  if (steps.size() != starts.size())
    return InvalidArgument("input 'steps' has another size than 'starts'");
  std::vector<SliceRange> ranges;
  for (int64_t size : x.dims) ranges.push_back({0, 1, size});
  for (size_t i = 0; i < axes.size(); ++i) {
    if (steps[i] == 0) return InvalidArgument("a step is 0");
    const auto axis = static_cast<size_t>(axes[i]);
    ranges[axis] = ResolveRange(starts[i], ends[i], steps[i], x[axis]);
  }
  return ranges;
}

Result<PadAmounts> ResolvePad(std::span<const Operand> operands) {
  const Shape& x = operands[0].shape;
  KEDGE_TRY(const std::vector<int64_t> pads, ConstantInts(operands[1], "pads"));
  KEDGE_TRY(const std::vector<int64_t> axes, SliceAxes(operands[3], x.rank(), pads.size() / 2));
  if (pads.size() % 2 != 0 || (!operands[3].present && pads.size() != 2 * x.rank()))
    return InvalidArgument("input 'pads' has " + std::to_string(pads.size()) + " elements");
  PadAmounts amounts{std::vector<int64_t>(x.rank(), 0), std::vector<int64_t>(x.rank(), 0)};
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t begin = pads[i];
    const int64_t end = pads[i + axes.size()];
    const auto axis = static_cast<size_t>(axes[i]);
    if (std::min(begin, end) < -x[axis] || std::max(begin, end) > kElementsMax)
      return InvalidArgument("input 'pads' has an element out of range");
    amounts.begin[axis] = begin;
    amounts.end[axis] = end;
  }
  return amounts;
}

OpSchema SliceSchema(std::string_view) {
  return {.family = Family::kIndexMap,
          .inputs_min = 3,
          .inputs_max = 5,
          .infer = InferSlice,
          .evaluate = EvaluateSlice};
}

OpSchema PadSchema(std::string_view) {
  return {.family = Family::kIndexMap,
          .inputs_min = 2,
          .inputs_max = 4,
          .attributes = {{"mode", AttributeKind::kString}},
          .infer = InferPad,
          .evaluate = EvaluatePad};
}

}  // namespace kedge::compiler
