// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/copy.h"

#include <algorithm>
#include <cstring>

#include "compiler/codegen/loop_nest.h"
#include "compiler/codegen/reorder.h"

namespace kedge::compiler {
namespace {

std::string_view UnsignedType(size_t bytes) {
  switch (bytes) {
    case 1:
      return "uint8_t";
    case 2:
      return "uint16_t";
    case 4:
      return "uint32_t";
    default:
      return "uint64_t";
  }
}

std::string At(std::string_view type, std::string_view pointer, int64_t offset,
               const std::string& more) {
  return Text("reinterpret_cast<", type, ">(", pointer, ") + ", offset, " + ", more, ";");
}

// A dimension walked backwards by the destination makes no sense; one whose source is contiguous
// goes innermost if the destination's innermost is short, so that at least reads are streams.
void OrderLoops(LoopNest& nest) {
  const size_t rank = nest.sizes.size();
  if (rank < 2 || nest.strides[1][rank - 1] == 1 || nest.sizes[rank - 1] >= 16) return;
  for (size_t d = 0; d + 1 < rank; ++d) {
    if (nest.strides[1][d] != 1 || nest.sizes[d] < 16) continue;
    std::swap(nest.sizes[d], nest.sizes[rank - 1]);
    for (auto& strides : nest.strides) std::swap(strides[d], strides[rank - 1]);
    return;
  }
}

void WriteCopy(Source& source, const CopyStep& step, const StridedCopy& copy, uint32_t tasks) {
  LoopNest nest{copy.sizes, {copy.to_strides, copy.from_strides}};
  nest.Collapse();
  OrderLoops(nest);
  const std::string type(UnsignedType(step.element_bytes));
  const size_t inner = nest.sizes.size() - 1;
  auto index = [&](size_t t) {
    const int64_t stride = nest.strides[t][inner];
    return stride == 1 ? std::string("i") : Text("i * ", stride);
  };
  source.Open("");
  WriteOuterLoops(source, nest, tasks, [&](const std::vector<std::string>& offsets) {
    source.Line(Text("auto* y = ", At(type + "*", "p0", copy.to_offset, offsets[0])));
    source.Line(
        Text("const auto* x = ", At("const " + type + "*", "p1", copy.from_offset, offsets[1])));
    source.Line("KEDGE_VECTORIZE");
    source.Line(
        Text("for (int64_t i = begin; i < end; ++i) y[", index(0), "] = x[", index(1), "];"));
  });
  source.Close();
}

}  // namespace

StridedCopy CopyBox(const Shape& to, const Shape& from, const Box& box) {
  StridedCopy copy;
  copy.sizes = box.sizes;
  copy.to_strides = RowMajorStrides(to);
  copy.from_strides = RowMajorStrides(from);
  for (size_t d = 0; d < box.sizes.size(); ++d) {
    if (!box.to_start.empty()) copy.to_offset += box.to_start[d] * copy.to_strides[d];
    if (!box.from_start.empty()) copy.from_offset += box.from_start[d] * copy.from_strides[d];
    if (!box.from_step.empty()) copy.from_strides[d] *= box.from_step[d];
  }
  return copy;
}

Step MakeCopies(CopyStep copy) {
  std::erase_if(copy.copies, [](const StridedCopy& c) {
    return std::find(c.sizes.begin(), c.sizes.end(), 0) != c.sizes.end();
  });
  Step step;
  step.path = copy.path;
  step.writes = {copy.to};
  step.reads = {copy.from};
  if (copy.copies.size() == 1 && !copy.fill) {
    LoopNest nest{copy.copies[0].sizes, {copy.copies[0].to_strides, copy.copies[0].from_strides}};
    nest.Collapse();
    OrderLoops(nest);
    const uint64_t bytes = static_cast<uint64_t>(nest.Iterations()) * copy.element_bytes;
    step.tasks = TaskCount(bytes * 2, bytes / copy.element_bytes, nest.sizes[0]);
  }
  Source source;
  source.OpenKernel(1, 1);
  if (copy.fill) {
    const std::string type(UnsignedType(copy.element_bytes));
    source.Line(Text("auto* all = reinterpret_cast<", type, "*>(p0);"));
    source.Line(Text("for (int64_t i = 0; i < ", copy.to_bytes / copy.element_bytes,
                     "; ++i) all[i] = static_cast<", type, ">(", copy.fill_bits, "u);"));
  }
  for (const StridedCopy& c : copy.copies) WriteCopy(source, copy, c, step.tasks);
  source.Close();
  step.source = std::move(source).Take();
  return step;
}

uint64_t ElementBits(DType dtype, double value) {
  auto bits = [](auto typed) {
    uint64_t out = 0;
    std::memcpy(&out, &typed, sizeof typed);
    return out;
  };
  switch (dtype) {
    case DType::kF32:
      return bits(static_cast<float>(value));
    case DType::kF64:
      return bits(value);
    case DType::kF16:
      return bits(FloatToHalf(static_cast<float>(value)));
    case DType::kBf16:
      return bits(FloatToBFloat(static_cast<float>(value)));
    case DType::kBool:
      return value != 0 ? 1 : 0;
    default:
      break;
  }
  const auto all = static_cast<uint64_t>(static_cast<int64_t>(value));
  const size_t size = DTypeSize(dtype);
  return size == 8 ? all : all & ((uint64_t{1} << (size * 8)) - 1);
}

Step MakeCopy(uint64_t bytes, BufferRef from, BufferRef to) {
  CopyStep copy;
  copy.element_bytes = 1;
  copy.from = from;
  copy.to = to;
  copy.copies.push_back({{static_cast<int64_t>(bytes)}, {1}, {1}});
  return MakeCopies(std::move(copy));
}

}  // namespace kedge::compiler
