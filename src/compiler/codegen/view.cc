// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/view.h"

#include "base/check.h"
#include "compiler/codegen/source.h"

namespace kedge::compiler {

TensorView TensorView::AsOneRow() const {
  KEDGE_CHECK(RowsTouch());
  TensorView view = *this;
  view.width = height * width;
  view.height = 1;
  view.row = view.width * pixel;
  return view;
}

TensorView ViewOf(const Shape& shape, const Layout& layout) {
  KEDGE_CHECK(shape.rank() == 4);
  TensorView view{.channels = shape[1], .height = shape[2], .width = shape[3]};
  view.batch = shape[0];
  view.halo = layout;
  const bool one_pixel = layout.plain() && shape[2] * shape[3] == 1;
  view.block = layout.plain() ? (one_pixel ? shape[1] : 1) : layout.channel_block;
  view.pixel = view.block;
  view.row = (layout.left + view.width + layout.right) * view.pixel;
  view.plane = (layout.top + view.height + layout.bottom) * view.row;
  view.image = (view.channels + view.block - 1) / view.block * view.plane;
  view.first = layout.top * view.row + layout.left * view.pixel;
  return view;
}

TensorView ChannelsLastView(const Shape& shape) {
  TensorView view{.channels = shape[1], .height = shape[2], .width = shape[3]};
  view.batch = shape[0];
  view.block = view.pixel = view.channels;
  view.row = view.width * view.pixel;
  view.plane = view.image = view.height * view.row;
  return view;
}

TensorView MatrixView(int64_t rows, int64_t columns) {
  return ChannelsLastView(Shape{1, columns, 1, rows});
}

std::string ViewText(const TensorView& view) {
  return Text("View{", view.channels, ", ", view.height, ", ", view.width, ", ", view.block, ", ",
              view.pixel, ", ", view.row, ", ", view.plane, ", ", view.batch, ", ", view.image,
              "}");
}

std::string HaloText(const TensorView& view) {
  return Text("Halo{", view.halo.top, ", ", view.halo.left, ", ", view.halo.bottom, ", ",
              view.halo.right, "}");
}

std::string FillHaloText(const TensorView& view, const std::string& pointer) {
  if (!view.HasHalo()) return "";
  return Text("if (task == 0) FillHalo<", ViewText(view), ", ", HaloText(view), ">(", pointer,
              ", 0.0f);");
}

}  // namespace kedge::compiler
