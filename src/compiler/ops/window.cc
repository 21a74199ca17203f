// SPDX-License-Identifier: Apache-2.0
#include "compiler/ops/window.h"

#include <algorithm>
#include <string>

namespace kedge::compiler {
namespace {

// No window attribute is larger, so that sums and products of a few stay far from overflow.
constexpr int64_t kWindowSizeMax = int64_t{1} << 24;

Result<std::vector<int64_t>> ReadSizes(const Node& node, const char* name, size_t count,
                                       int64_t other, int64_t min) {
  std::vector<int64_t> sizes = IntsAttribute(node, name, std::vector<int64_t>(count, other));
  if (sizes.empty()) sizes.assign(count, other);
  if (sizes.size() != count) {
    return InvalidArgument("attribute '" + std::string(name) + "' has " +
                           std::to_string(sizes.size()) + " elements, needs " +
                           std::to_string(count));
  }
  for (int64_t size : sizes) {
    if (size < min || size > kWindowSizeMax)
      return InvalidArgument("attribute '" + std::string(name) + "' has the element " +
                             std::to_string(size));
  }
  return sizes;
}

Result<Window> ReadWindow(const Node& node, const std::vector<int64_t>& input,
                          const std::vector<int64_t>& kernel) {
  const size_t rank = input.size();
  if (rank < 1) return InvalidArgument("the input has no spatial dimension");
  if (rank > kSpatialRankMax)
    return Unimplemented(std::to_string(rank) + " spatial dimensions are not supported");
  Window window;
  KEDGE_TRY(window.kernel, ReadSizes(node, "kernel_shape", rank, 0, kernel.empty() ? 1 : 0));
  if (!kernel.empty()) {
    const bool given = node.attributes.contains("kernel_shape");
    if (given && window.kernel != kernel)
      return InvalidArgument("attribute 'kernel_shape' differs from the weight's shape");
    window.kernel = kernel;
    for (int64_t size : kernel) {
      if (size < 1 || size > kWindowSizeMax)
        return InvalidArgument("the weight has the kernel size " + std::to_string(size));
    }
  }
  KEDGE_TRY(window.strides, ReadSizes(node, "strides", rank, 1, 1));
  KEDGE_TRY(window.dilations, ReadSizes(node, "dilations", rank, 1, 1));
  KEDGE_TRY(const std::vector<int64_t> pads, ReadSizes(node, "pads", 2 * rank, 0, 0));
  window.pads_begin.assign(pads.begin(), pads.begin() + static_cast<ptrdiff_t>(rank));
  window.pads_end.assign(pads.begin() + static_cast<ptrdiff_t>(rank), pads.end());
  for (size_t i = 0; i < rank; ++i) {
    if (window.kernel[i] * window.dilations[i] > kWindowSizeMax)
      return InvalidArgument("the dilated kernel is too large");
  }
  return window;
}

int64_t Extent(const Window& window, size_t i) {
  return window.dilations[i] * (window.kernel[i] - 1) + 1;
}

Result<std::string> ReadAutoPad(const Node& node) {
  std::string mode = StringAttribute(node, "auto_pad", "NOTSET");
  if (mode != "NOTSET" && mode != "VALID" && mode != "SAME_UPPER" && mode != "SAME_LOWER")
    return InvalidArgument("attribute 'auto_pad' is '" + mode + "'");
  return mode;
}

void SplitPads(Window& window, size_t i, int64_t total, bool more_at_end) {
  const int64_t half = total / 2;
  window.pads_begin[i] = more_at_end ? half : total - half;
  window.pads_end[i] = total - window.pads_begin[i];
}

}  // namespace

Result<Window> ResolveWindow(const Node& node, const std::vector<int64_t>& input,
                             const std::vector<int64_t>& kernel) {
  KEDGE_TRY(Window window, ReadWindow(node, input, kernel));
  KEDGE_TRY(const std::string mode, ReadAutoPad(node));
  const bool ceil = IntAttribute(node, "ceil_mode", 0) != 0;
  for (size_t i = 0; i < input.size(); ++i) {
    const int64_t stride = window.strides[i];
    if (mode == "VALID") SplitPads(window, i, 0, true);
    if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
      const int64_t wanted = (input[i] + stride - 1) / stride;
      const int64_t total =
          std::max<int64_t>(0, (wanted - 1) * stride + Extent(window, i) - input[i]);
      SplitPads(window, i, total, mode == "SAME_UPPER");
    }
    const int64_t room = input[i] + window.pads_begin[i] + window.pads_end[i] - Extent(window, i);
    if (room < 0) {
      return InvalidArgument("a window of " + std::to_string(Extent(window, i)) +
                             " does not fit into dimension " + std::to_string(i) + " of size " +
                             std::to_string(input[i]) + " with its padding");
    }
    int64_t size = room / stride + 1;
    // The last window of ceil_mode must start inside the input or the padding before it.
    if (ceil && room % stride != 0 && size * stride < input[i] + window.pads_begin[i]) ++size;
    window.output.push_back(size);
  }
  return window;
}

Result<TransposedWindow> ResolveTransposedWindow(const Node& node,
                                                 const std::vector<int64_t>& input,
                                                 const std::vector<int64_t>& kernel) {
  TransposedWindow result;
  Window& window = result.window;
  KEDGE_TRY(window, ReadWindow(node, input, kernel));
  KEDGE_TRY(const std::string mode, ReadAutoPad(node));
  KEDGE_TRY(result.output_padding, ReadSizes(node, "output_padding", input.size(), 0, 0));
  KEDGE_TRY(std::vector<int64_t> wanted, ReadSizes(node, "output_shape", input.size(), 0, 0));
  const bool shape_given = node.attributes.contains("output_shape");
  for (size_t i = 0; i < input.size(); ++i) {
    const int64_t natural =
        window.strides[i] * (input[i] - 1) + result.output_padding[i] + Extent(window, i);
    if (mode == "VALID") SplitPads(window, i, 0, true);
    const bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
    if (!shape_given && same) wanted[i] = input[i] * window.strides[i];
    if (shape_given || same) {
      const int64_t total = natural - wanted[i];
      SplitPads(window, i, std::max<int64_t>(0, total), mode == "SAME_UPPER");
      if (total < 0) result.output_padding[i] -= total;
    }
    const int64_t size = window.strides[i] * (input[i] - 1) + result.output_padding[i] +
                         Extent(window, i) - window.pads_begin[i] - window.pads_end[i];
    if (size < 0) return InvalidArgument("the padding is larger than the result");
    window.output.push_back(size);
  }
  return result;
}

std::vector<int64_t> JoinedPads(const Window& window) {
  std::vector<int64_t> pads = window.pads_begin;
  pads.insert(pads.end(), window.pads_end.begin(), window.pads_end.end());
  return pads;
}

}  // namespace kedge::compiler
