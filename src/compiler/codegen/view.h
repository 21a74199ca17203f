// A tensor as the fast kernels see it: the compiler's side of kernels/view.h, and how it is written
// in generated source.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "compiler/codegen/plan.h"
#include "tensor/shape.h"

namespace kedge::compiler {

// Element (n, c, y, x) stands at first + n * image + (c / block) * plane + y * row + x * pixel +
// c % block, in floats.
struct TensorView {
  int64_t channels = 0, height = 0, width = 0;
  int64_t block = 1, pixel = 1, row = 0, plane = 0;
  int64_t batch = 1, image = 0;
  int64_t first = 0;  // floats from the buffer's start to the interior
  Layout halo;        // what surrounds the interior; only the halo's sizes are meaningful

  // No halo to the left or right, so that all pixels are one row.
  bool RowsTouch() const { return row == width * pixel; }
  bool HasHalo() const { return halo.top + halo.left + halo.bottom + halo.right > 0; }
  // The same tensor with its pixels in one row; needs RowsTouch() and no halo above or below that
  // would separate images (images are apart by `image` anyway).
  TensorView AsOneRow() const;
  uint64_t FirstBytes() const { return static_cast<uint64_t>(first) * sizeof(float); }
};

// [n, c, h, w] in its layout; plain is planar. A planar tensor of one pixel is seen channels last,
// the same bytes with neighbouring channels side by side.
TensorView ViewOf(const Shape& shape, const Layout& layout);
// [n, c, h, w] with the channels last: bytes [n][h][w][c].
TensorView ChannelsLastView(const Shape& shape);
// A row-major matrix: rows are pixels of one row, columns are channels.
TensorView MatrixView(int64_t rows, int64_t columns);

// "View{3, 8, 8, ...}".
std::string ViewText(const TensorView& view);
// "Halo{1, 1, 1, 1}".
std::string HaloText(const TensorView& view);
// "if (task == 0) FillHalo<...>(...);" for the operand `pointer`, or "" if there is no halo.
std::string FillHaloText(const TensorView& view, const std::string& pointer);

}  // namespace kedge::compiler
