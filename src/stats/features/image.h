// Twelve numbers about an image that tell dirt, blur, noise, light and a moved camera apart.
//
// Brightness is (77 R + 150 G + 29 B) / 256 on a scale of 0 black to 255 white; all sums are
// integers, so every machine gives the same numbers. Edges are looked at at full resolution, since
// blur shows nowhere else; to bound the cost of a large image only every k-th row is looked at,
// with its neighbours above and below, such that at most kImagePixelsMax pixels are.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "stats/features/tensor_view.h"

namespace kedge::stats {

inline constexpr size_t kImageStatistics = 12;
inline constexpr size_t kImagePixelsMax = 25'088;  // half of 224 x 224
inline constexpr int64_t kImageSideMax = 8192;
inline constexpr size_t kImageGrid = 16;

struct ImageLayout {
  size_t height = 0;
  size_t width = 0;
  size_t channels = 1;  // 1, 3 or 4; the fourth is not looked at
  bool channels_last = false;
  double black = 0;
  double white = 255;
};

// One thread; remembers the frame before, as 16 x 16 means.
class ImageStatistics {
 public:
  // 3 <= height, width <= kImageSideMax.
  explicit ImageStatistics(const ImageLayout& layout);

  // Statistics of the image that begins at element `begin` of `tensor`, in the order of Statistic:
  // mean, contrast, dark, saturated, Laplacian, its variance, gradients, colours, frame difference.
  // The latter is NaN for the first image. Values outside black to white count as those; NaN counts
  // as black.
  const std::array<double, kImageStatistics>& Compute(const TensorView& tensor, size_t begin);

  size_t MemoryBytes() const;

 private:
  struct Sums;
  void ReadRow(const TensorView& tensor, size_t begin, size_t y, uint8_t* grey);
  void ReadBytes(const TensorView& tensor, size_t begin, size_t y, uint8_t* grey);
  void ReadNumbers(const TensorView& tensor, size_t begin, size_t y, uint8_t* grey);
  void Finish(const Sums& sums, size_t rows);

  ImageLayout layout_;
  size_t row_step_ = 1;
  std::vector<uint8_t> rows_;   // three rows of brightness
  std::vector<float> numbers_;  // one row of each channel, if elements are no bytes
  std::array<uint64_t, 3> channel_sums_{};
  uint64_t channel_pixels_ = 0;
  std::array<uint32_t, kImageGrid * kImageGrid> grid_{};
  std::array<uint32_t, kImageGrid * kImageGrid> grid_before_{};
  bool has_before_ = false;
  std::array<double, kImageStatistics> values_{};
};

}  // namespace kedge::stats
