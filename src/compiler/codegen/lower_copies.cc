// Operators that only move elements, each as strided copies of boxes: Concat, DepthToSpace, Expand,
// Slice, SpaceToDepth, Split, Tile, Transpose, Trilu.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "compiler/codegen/copy.h"
#include "compiler/codegen/loop_nest.h"
#include "compiler/codegen/lower_shape_check.h"
#include "compiler/codegen/lowering.h"
#include "compiler/ops/elements.h"

namespace kedge::compiler {
namespace {

// A step that copies from the node's first input to its first output.
CopyStep BetweenFirst(const Node& node, PlanBuilder& builder) {
  CopyStep copy;
  copy.element_bytes = DTypeSize(builder.value(node.outputs[0]).dtype);
  copy.from = builder.ReadPlain(node.inputs[0]);
  copy.to = builder.WritePlain(node.outputs[0]);
  return copy;
}

Status LowerConcat(const Node& node, PlanBuilder& builder) {
  const Shape& to = builder.value(node.outputs[0]).shape;
  const int64_t axis = AxisAttribute(node, "axis", 0, to.rank());
  const BufferRef target = builder.WritePlain(node.outputs[0]);
  int64_t at = 0;
  for (ValueId input : node.inputs) {
    const Shape& from = builder.value(input).shape;
    const BufferRef source = builder.ReadPlain(input);
    Box box{from.dims, std::vector<int64_t>(to.rank(), 0), {}, {}};
    box.to_start[static_cast<size_t>(axis)] = at;
    StridedCopy part = CopyBox(to, from, box);
    at += from[static_cast<size_t>(axis)];
    const auto bytes = static_cast<int64_t>(DTypeSize(builder.value(input).dtype));
    const auto place = target.offset + static_cast<uint64_t>(part.to_offset * bytes);
    if (source.buffer == target.buffer && source.offset == place) continue;  // lies there already
    CopyStep copy;
    copy.element_bytes = static_cast<size_t>(bytes);
    copy.from = source;
    copy.to = target;
    copy.copies = {std::move(part)};
    builder.Add(MakeCopies(std::move(copy)));
  }
  return {};
}

Status LowerSplit(const Node& node, PlanBuilder& builder) {
  const Value& value = builder.value(node.inputs[0]);
  const Shape& from = value.shape;
  const int64_t axis = AxisAttribute(node, "axis", 0, from.rank());
  const BufferRef source = builder.ReadPlain(node.inputs[0]);
  int64_t at = 0;
  for (ValueId output : node.outputs) {
    if (output == kNoValue) return Unimplemented(Describe(node) + " leaves out an output");
    const Shape& to = builder.value(output).shape;
    Box box{to.dims, {}, std::vector<int64_t>(from.rank(), 0), {}};
    box.from_start[static_cast<size_t>(axis)] = at;
    StridedCopy part = CopyBox(to, from, box);
    at += to[static_cast<size_t>(axis)];
    const BufferRef target = builder.WritePlain(output);
    const auto place =
        source.offset + static_cast<uint64_t>(part.from_offset) * DTypeSize(value.dtype);
    if (source.buffer == target.buffer && target.offset == place) continue;
    CopyStep copy;
    copy.element_bytes = DTypeSize(value.dtype);
    copy.from = source;
    copy.to = target;
    copy.copies = {std::move(part)};
    builder.Add(MakeCopies(std::move(copy)));
  }
  return {};
}

// Inputs 1 to 4: starts, ends, axes, steps; the sizes are the output's.
Status LowerSlice(const Node& node, PlanBuilder& builder) {
  const Shape& from = builder.value(node.inputs[0]).shape;
  const Shape& to = builder.value(node.outputs[0]).shape;
  KEDGE_TRY(const auto starts, ConstantInts(node, builder.graph(), 1, {}));
  std::vector<int64_t> every_axis(starts.size());
  for (size_t i = 0; i < every_axis.size(); ++i) every_axis[i] = static_cast<int64_t>(i);
  KEDGE_TRY(const auto axes, ConstantInts(node, builder.graph(), 3, every_axis));
  KEDGE_TRY(const auto steps,
            ConstantInts(node, builder.graph(), 4, std::vector<int64_t>(starts.size(), 1)));
  const auto rank = static_cast<int64_t>(from.rank());
  Box box{to.dims, {}, std::vector<int64_t>(from.rank(), 0), std::vector<int64_t>(from.rank(), 1)};
  for (size_t i = 0; i < starts.size(); ++i) {
    const auto axis = static_cast<size_t>(axes[i] < 0 ? axes[i] + rank : axes[i]);
    const int64_t size = from[axis];
    const int64_t start = starts[i] < 0 ? starts[i] + size : starts[i];
    const bool forward = steps[i] > 0;
    box.from_start[axis] =
        std::clamp<int64_t>(start, 0, std::max<int64_t>(0, forward ? size : size - 1));
    box.from_step[axis] = steps[i];
  }
  CopyStep copy = BetweenFirst(node, builder);
  copy.copies = {CopyBox(to, from, box)};
  builder.Add(MakeCopies(std::move(copy)));
  return {};
}

Status LowerTranspose(const Node& node, PlanBuilder& builder) {
  const Shape& from = builder.value(node.inputs[0]).shape;
  const Shape& to = builder.value(node.outputs[0]).shape;
  std::vector<int64_t> reversed(from.rank());
  for (size_t d = 0; d < from.rank(); ++d) reversed[d] = static_cast<int64_t>(from.rank() - 1 - d);
  const std::vector<int64_t> order = IntsAttribute(node, "perm", reversed);
  const std::vector<int64_t> own = RowMajorStrides(from);
  StridedCopy part{to.dims, RowMajorStrides(to), {}};
  for (int64_t d : order) part.from_strides.push_back(own[static_cast<size_t>(d)]);
  CopyStep copy = BetweenFirst(node, builder);
  copy.copies = {std::move(part)};
  builder.Add(MakeCopies(std::move(copy)));
  return {};
}

Status LowerExpand(const Node& node, PlanBuilder& builder) {
  AddShapeCheck(node, builder);
  const Shape& from = builder.value(node.inputs[0]).shape;
  const Shape& to = builder.value(node.outputs[0]).shape;
  CopyStep copy = BetweenFirst(node, builder);
  copy.copies = {{to.dims, RowMajorStrides(to), BroadcastStrides(from, to)}};
  builder.Add(MakeCopies(std::move(copy)));
  return {};
}

// Each dimension as two: the repetition, which the source does not move along, and its own.
Status LowerTile(const Node& node, PlanBuilder& builder) {
  const Shape& from = builder.value(node.inputs[0]).shape;
  const Shape& to = builder.value(node.outputs[0]).shape;
  const auto to_strides = RowMajorStrides(to), from_strides = RowMajorStrides(from);
  StridedCopy part;
  for (size_t d = 0; d < from.rank(); ++d) {
    part.sizes.insert(part.sizes.end(), {from[d] == 0 ? 0 : to[d] / from[d], from[d]});
    part.to_strides.insert(part.to_strides.end(), {to_strides[d] * from[d], to_strides[d]});
    part.from_strides.insert(part.from_strides.end(), {0, from_strides[d]});
  }
  CopyStep copy = BetweenFirst(node, builder);
  copy.copies = {std::move(part)};
  builder.Add(MakeCopies(std::move(copy)));
  return {};
}

// Between [n, c, h, w] and [n, c / (b * b), h * b, w * b], as a walk over six dimensions: n, two
// block coordinates, channel, row, column.
Status LowerBlocks(const Node& node, PlanBuilder& builder) {
  const bool to_space = node.op == "DepthToSpace";
  const Shape& from = builder.value(node.inputs[0]).shape;
  const Shape& to = builder.value(node.outputs[0]).shape;
  const Shape &deep = to_space ? from : to, &wide = to_space ? to : from;
  const int64_t b = IntAttribute(node, "blocksize", 1);
  const int64_t channels = wide[1], rows = deep[2], columns = deep[3];
  const bool crd = to_space && StringAttribute(node, "mode", "DCR") == "CRD";
  const auto d = RowMajorStrides(deep), w = RowMajorStrides(wide);
  // DCR: channel = (by * b + bx) * channels + c. CRD: channel = (c * b + by) * b + bx.
  const std::vector<int64_t> deep_strides = {d[0],
                                             d[1] * (crd ? b : b * channels),
                                             d[1] * (crd ? 1 : channels),
                                             d[1] * (crd ? b * b : 1),
                                             d[2],
                                             d[3]};
  const std::vector<int64_t> wide_strides = {w[0], w[2], w[3], w[1], w[2] * b, w[3] * b};
  StridedCopy part;
  part.sizes = {deep[0], b, b, channels, rows, columns};
  part.to_strides = to_space ? wide_strides : deep_strides;
  part.from_strides = to_space ? deep_strides : wide_strides;
  CopyStep copy = BetweenFirst(node, builder);
  copy.copies = {std::move(part)};
  builder.Add(MakeCopies(std::move(copy)));
  return {};
}

// Row by row: what is kept of row i of a matrix is a range of columns; the rest is zero.
Status LowerTrilu(const Node& node, PlanBuilder& builder) {
  const Value& value = builder.value(node.inputs[0]);
  KEDGE_TRY(const auto k, ConstantInts(node, builder.graph(), 1, {0}));
  const Shape& shape = value.shape;
  const int64_t rows = shape[shape.rank() - 2], columns = shape[shape.rank() - 1];
  const bool upper = IntAttribute(node, "upper", 1) != 0;
  const int64_t diagonal = std::clamp<int64_t>(k[0], -rows, columns);
  Source source;
  source.OpenKernel(1, 1);
  const std::string type(StorageType(value.dtype));
  source.Line(Text("auto* y = reinterpret_cast<", type, "*>(p0);"));
  source.Line(Text("const auto* x = reinterpret_cast<const ", type, "*>(p1);"));
  const int64_t matrices = rows * columns == 0 ? 0 : shape.elements() / (rows * columns);
  source.Open(Text("for (int64_t m = 0; m < ", matrices * rows, "; ++m)"));
  source.Line(Text("const int64_t row = m % ", std::max<int64_t>(rows, 1), ";"));
  source.Open(Text("for (int64_t i = 0; i < ", columns, "; ++i)"));
  source.Line(Text("const bool kept = i - row ", upper ? ">= " : "<= ", diagonal, ";"));
  source.Line(Text("y[m * ", columns, " + i] = kept ? x[m * ", columns, " + i] : ", type, "(0);"));
  source.Close();
  source.Close();
  source.Close();
  Step step;
  step.path = "generic-copy";
  step.source = std::move(source).Take();
  step.reads = {builder.ReadPlain(node.inputs[0])};
  step.writes = {builder.WritePlain(node.outputs[0])};
  builder.Add(std::move(step));
  return {};
}

}  // namespace

Status LowerCopies(const Node& node, PlanBuilder& builder) {
  if (node.op == "Concat") return LowerConcat(node, builder);
  if (node.op == "Split") return LowerSplit(node, builder);
  if (node.op == "Slice") return LowerSlice(node, builder);
  if (node.op == "Transpose") return LowerTranspose(node, builder);
  if (node.op == "Expand") return LowerExpand(node, builder);
  if (node.op == "Tile") return LowerTile(node, builder);
  if (node.op == "Trilu") return LowerTrilu(node, builder);
  return LowerBlocks(node, builder);
}

}  // namespace kedge::compiler
