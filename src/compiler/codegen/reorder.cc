// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/reorder.h"

#include <limits>

#include "compiler/codegen/copy.h"

namespace kedge::compiler {
namespace {

// Strides of [n, block, h, w, channel within block] in a layout, and the first real element.
struct Walk {
  std::vector<int64_t> strides;
  int64_t offset = 0;
};

Walk WalkOf(const Shape& shape, const Layout& layout, int64_t block) {
  if (layout.plain()) {
    const std::vector<int64_t> own = RowMajorStrides(shape);
    return {{own[0], own[1] * block, own[2], own[3], own[1]}, 0};
  }
  const int64_t c = layout.channel_block;
  const int64_t columns = layout.left + shape[3] + layout.right;
  const int64_t plane = (layout.top + shape[2] + layout.bottom) * columns * c;
  const int64_t blocks = (shape[1] + c - 1) / c;
  // A block of the walk is a whole number of channels of this layout's block, or a part of one.
  const int64_t per_block = block >= c ? plane * (block / c) : block;
  return {{plane * blocks, per_block, columns * c, c, 1}, (layout.top * columns + layout.left) * c};
}

}  // namespace

Step MakeReorder(const Reorder& reorder) {
  const Layout &from = reorder.from_layout, &to = reorder.to_layout;
  KEDGE_CHECK(reorder.shape.rank() == 4 &&
              (from.plain() || to.plain() || from.channel_block == to.channel_block));
  const int64_t channels = reorder.shape[1];
  const int64_t block = std::max<int64_t>(1, from.plain() ? to.channel_block : from.channel_block);
  const Walk read = WalkOf(reorder.shape, from, block), write = WalkOf(reorder.shape, to, block);
  CopyStep copy;
  copy.path = "reorder";
  copy.element_bytes = DTypeSize(reorder.dtype);
  copy.from = reorder.from;
  copy.to = reorder.to;
  auto add = [&](int64_t first_block, int64_t blocks, int64_t within) {
    copy.copies.push_back({{reorder.shape[0], blocks, reorder.shape[2], reorder.shape[3], within},
                           write.strides,
                           read.strides,
                           write.offset + first_block * write.strides[1],
                           read.offset + first_block * read.strides[1]});
  };
  add(0, channels / block, block);
  add(channels / block, 1, channels % block);
  if (!to.plain()) {
    copy.fill = true;
    copy.to_bytes = StorageBytes(reorder.dtype, reorder.shape, to);
    const double lowest = IsFloat(reorder.dtype) ? -std::numeric_limits<double>::infinity() : 0;
    copy.fill_bits = ElementBits(reorder.dtype, to.fill == Layout::Fill::kLowest ? lowest : 0);
  }
  return MakeCopies(std::move(copy));
}

}  // namespace kedge::compiler
