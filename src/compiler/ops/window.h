// The window of a convolution or pooling over spatial dimensions, with automatic padding resolved.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "compiler/graph/graph.h"

namespace kedge::compiler {

constexpr size_t kSpatialRankMax = 3;

// One entry a spatial dimension, outermost first.
struct Window {
  std::vector<int64_t> kernel;
  std::vector<int64_t> strides;
  std::vector<int64_t> dilations;
  std::vector<int64_t> pads_begin;
  std::vector<int64_t> pads_end;
  std::vector<int64_t> output;  // sizes of the result
};

// Reads kernel_shape (unless `kernel` is given), strides, dilations, pads, auto_pad and ceil_mode
// of Conv, MaxPool, AveragePool, LpPool. `input` are the spatial sizes. kInvalidArgument for sizes
// that are not positive or do not fit; kUnimplemented for more than kSpatialRankMax dimensions.
Result<Window> ResolveWindow(const Node& node, const std::vector<int64_t>& input,
                             const std::vector<int64_t>& kernel = {});

// The same for ConvTranspose, whose output_padding and output_shape count too. What output_shape
// asks beyond the natural size is added at the end as output padding.
struct TransposedWindow {
  Window window;
  std::vector<int64_t> output_padding;
};
Result<TransposedWindow> ResolveTransposedWindow(const Node& node,
                                                 const std::vector<int64_t>& input,
                                                 const std::vector<int64_t>& kernel);

// pads_begin then pads_end: ONNX's order in attribute pads.
std::vector<int64_t> JoinedPads(const Window& window);

}  // namespace kedge::compiler
