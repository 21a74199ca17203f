// SPDX-License-Identifier: Apache-2.0
#include "stats/features/image.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "stats/features/element.h"

namespace kedge::stats {
namespace {

constexpr int kDarkBelow = 16;
constexpr int kSaturatedAbove = 239;

// Sums of one row, small enough for 32 bits at kImageSideMax columns.
struct RowSums {
  uint32_t squares = 0;
  uint32_t dark = 0;
  uint32_t saturated = 0;
};

// The loops below are what the compiler turns into vector code: no branch, no aliasing, 16-bit
// lanes where the range allows.
RowSums SumBrightness(const uint8_t* __restrict row, size_t width) {
  RowSums sums;
  for (size_t x = 0; x < width; ++x) {
    const int16_t v = row[x];
    sums.squares += static_cast<uint32_t>(int32_t{v} * v);
  }
  for (size_t block = 0; block < width;) {
    const size_t end = std::min(width, block + 255);
    uint8_t dark = 0, saturated = 0;
    for (; block < end; ++block) {
      dark = static_cast<uint8_t>(dark + (row[block] < kDarkBelow));
      saturated = static_cast<uint8_t>(saturated + (row[block] > kSaturatedAbove));
    }
    sums.dark += dark;
    sums.saturated += saturated;
  }
  return sums;
}

uint32_t SumOf(const uint8_t* __restrict row, size_t begin, size_t end) {
  uint32_t sum = 0;
  for (size_t x = begin; x < end; ++x) sum += row[x];
  return sum;
}

struct EdgeSums {
  uint32_t laplacian = 0;  // of |4 m - neighbours|, at most 1020 each
  uint64_t laplacian_squares = 0;
  int64_t laplacian_signed = 0;
  uint32_t gradient_x = 0;
  uint32_t gradient_y = 0;
};

EdgeSums SumEdges(const uint8_t* __restrict up, const uint8_t* __restrict row,
                  const uint8_t* __restrict down, size_t width) {
  EdgeSums sums;
  constexpr size_t kBlock = 1024;  // squares of a block fit 32 bits
  for (size_t begin = 1; begin + 1 < width; begin += kBlock) {
    const size_t end = std::min(width - 1, begin + kBlock);
    uint32_t absolute = 0, squares = 0, gradient_x = 0, gradient_y = 0;
    int32_t total = 0;
    for (size_t x = begin; x < end; ++x) {
      const auto edge =
          static_cast<int16_t>(4 * row[x] - row[x - 1] - row[x + 1] - up[x] - down[x]);
      const auto magnitude = static_cast<int16_t>(edge < 0 ? -edge : edge);
      absolute += static_cast<uint16_t>(magnitude);
      squares += static_cast<uint32_t>(int32_t{edge} * edge);
      total += edge;
      const auto right = static_cast<int16_t>(row[x + 1] - row[x]);
      const auto below = static_cast<int16_t>(down[x] - row[x]);
      gradient_x += static_cast<uint16_t>(right < 0 ? -right : right);
      gradient_y += static_cast<uint16_t>(below < 0 ? -below : below);
    }
    sums.laplacian += absolute;
    sums.laplacian_squares += squares;
    sums.laplacian_signed += total;
    sums.gradient_x += gradient_x;
    sums.gradient_y += gradient_y;
  }
  return sums;
}

// 0 to 255; NaN becomes 0.
void ToBytes(const float* __restrict from, size_t width, float black, float scale,
             uint8_t* __restrict to) {
  for (size_t x = 0; x < width; ++x) {
    const float scaled = (from[x] - black) * scale + 0.5F;
    const float positive = scaled > 0.0F ? scaled : 0.0F;
    to[x] = static_cast<uint8_t>(static_cast<int32_t>(positive < 255.0F ? positive : 255.0F));
  }
}

void MixPlanes(const uint8_t* __restrict red, const uint8_t* __restrict green,
               const uint8_t* __restrict blue, size_t width, uint8_t* __restrict grey) {
  for (size_t x = 0; x < width; ++x) {
    const auto mixed = static_cast<uint16_t>(77 * red[x] + 150 * green[x] + 29 * blue[x] + 128);
    grey[x] = static_cast<uint8_t>(mixed >> 8);
  }
}

}  // namespace

struct ImageStatistics::Sums {
  uint64_t brightness = 0;
  uint64_t squares = 0;
  uint64_t dark = 0;
  uint64_t saturated = 0;
  EdgeSums edges;
  uint64_t laplacian = 0;
  uint64_t gradient_x = 0;
  uint64_t gradient_y = 0;
};

ImageStatistics::ImageStatistics(const ImageLayout& layout) : layout_(layout) {
  KEDGE_CHECK(layout.height >= 3 && layout.width >= 3);
  const size_t pixels = (layout.height - 2) * layout.width;
  row_step_ = (pixels + kImagePixelsMax - 1) / kImagePixelsMax;
  rows_.resize(3 * layout.width + 3 * layout.width);  // brightness, then planes of one row
  numbers_.resize(layout.width * layout.channels);
}

// One row of interleaved or planar bytes.
void ImageStatistics::ReadBytes(const TensorView& tensor, size_t begin, size_t y, uint8_t* grey) {
  const size_t width = layout_.width;
  const uint8_t* from = tensor.bytes.data() + begin;
  if (layout_.channels < 3) {
    std::copy_n(from + y * width, width, grey);
    return;
  }
  if (!layout_.channels_last) {
    const size_t plane = layout_.height * width;
    const uint8_t* row = from + y * width;
    for (size_t c = 0; c < 3; ++c) channel_sums_[c] += SumOf(row + c * plane, 0, width);
    MixPlanes(row, row + plane, row + 2 * plane, width, grey);
    return;
  }
  const uint8_t* __restrict row = from + y * width * layout_.channels;
  uint32_t red = 0, green = 0, blue = 0;
  for (size_t x = 0; x < width; ++x, row += layout_.channels) {
    red += row[0];
    green += row[1];
    blue += row[2];
    grey[x] = static_cast<uint8_t>((77u * row[0] + 150u * row[1] + 29u * row[2] + 128u) >> 8);
  }
  channel_sums_[0] += red;
  channel_sums_[1] += green;
  channel_sums_[2] += blue;
}

void ImageStatistics::ReadNumbers(const TensorView& tensor, size_t begin, size_t y, uint8_t* grey) {
  const size_t width = layout_.width;
  const size_t channels = layout_.channels < 3 ? 1 : 3;
  const auto black = static_cast<float>(layout_.black);
  const auto scale = static_cast<float>(255 / (layout_.white - layout_.black));
  uint8_t* planes = rows_.data() + 3 * width;
  if (layout_.channels_last && layout_.channels > 1) {
    const std::span<float> all(numbers_);
    ReadFloats(tensor, begin + y * all.size(), all);
    for (size_t c = 0; c < channels; ++c) {
      for (size_t x = 0; x < width; ++x) {
        const float scaled = (all[x * layout_.channels + c] - black) * scale + 0.5F;
        const float positive = scaled > 0.0F ? scaled : 0.0F;
        planes[c * width + x] = static_cast<uint8_t>(positive < 255.0F ? positive : 255.0F);
      }
    }
  } else {
    for (size_t c = 0; c < channels; ++c) {
      const std::span<float> row(numbers_.data(), width);
      ReadFloats(tensor, begin + (c * layout_.height + y) * width, row);
      ToBytes(row.data(), width, black, scale, planes + c * width);
    }
  }
  if (channels == 1) {
    std::copy_n(planes, width, grey);
    return;
  }
  for (size_t c = 0; c < 3; ++c) channel_sums_[c] += SumOf(planes + c * width, 0, width);
  MixPlanes(planes, planes + width, planes + 2 * width, width, grey);
}

void ImageStatistics::ReadRow(const TensorView& tensor, size_t begin, size_t y, uint8_t* grey) {
  const bool bytes = tensor.dtype == DType::kU8 && layout_.black == 0 && layout_.white == 255;
  bytes ? ReadBytes(tensor, begin, y, grey) : ReadNumbers(tensor, begin, y, grey);
  channel_pixels_ += layout_.width;
}

const std::array<double, kImageStatistics>& ImageStatistics::Compute(const TensorView& tensor,
                                                                     size_t begin) {
  const size_t width = layout_.width;
  channel_sums_ = {};
  channel_pixels_ = 0;
  grid_ = {};
  Sums sums;
  size_t rows = 0;
  size_t known = layout_.height;  // rows_[i % 3] hold rows `known` and the two before it
  for (size_t y = 1; y + 1 < layout_.height; y += row_step_, ++rows) {
    for (size_t i = y - 1; i <= y + 1; ++i) {
      if (known == layout_.height || i > known) {
        ReadRow(tensor, begin, i, rows_.data() + i % 3 * width);
        known = i;
      }
    }
    const uint8_t* row = rows_.data() + y % 3 * width;
    const RowSums brightness = SumBrightness(row, width);
    const EdgeSums edges = SumEdges(rows_.data() + (y - 1) % 3 * width, row,
                                    rows_.data() + (y + 1) % 3 * width, width);
    for (size_t cell = 0; cell < kImageGrid; ++cell) {
      const uint32_t sum = SumOf(row, cell * width / kImageGrid, (cell + 1) * width / kImageGrid);
      sums.brightness += sum;
      grid_[y * kImageGrid / layout_.height * kImageGrid + cell] += sum;
    }
    sums.squares += brightness.squares;
    sums.dark += brightness.dark;
    sums.saturated += brightness.saturated;
    sums.laplacian += edges.laplacian;
    sums.edges.laplacian_squares += edges.laplacian_squares;
    sums.edges.laplacian_signed += edges.laplacian_signed;
    sums.gradient_x += edges.gradient_x;
    sums.gradient_y += edges.gradient_y;
  }
  Finish(sums, rows);
  return values_;
}

void ImageStatistics::Finish(const Sums& sums, size_t rows) {
  const auto pixels = static_cast<double>(rows * layout_.width);
  const auto inner = static_cast<double>(rows * (layout_.width - 2));
  const double mean = static_cast<double>(sums.brightness) / pixels;
  const double variance = static_cast<double>(sums.squares) / pixels - mean * mean;
  const double edge_mean = static_cast<double>(sums.edges.laplacian_signed) / inner;
  values_[0] = mean / 255;
  values_[1] = std::sqrt(std::max(0.0, variance)) / 255;
  values_[2] = static_cast<double>(sums.dark) / pixels;
  values_[3] = static_cast<double>(sums.saturated) / pixels;
  values_[4] = static_cast<double>(sums.laplacian) / inner / 255;
  values_[5] = (static_cast<double>(sums.edges.laplacian_squares) / inner - edge_mean * edge_mean) /
               (255.0 * 255.0);
  values_[6] = static_cast<double>(sums.gradient_x) / inner / 255;
  values_[7] = static_cast<double>(sums.gradient_y) / inner / 255;
  for (size_t c = 0; c < 3; ++c) {
    values_[8 + c] = layout_.channels < 3 ? values_[0]
                                          : static_cast<double>(channel_sums_[c]) /
                                                static_cast<double>(channel_pixels_) / 255;
  }
  uint64_t difference = 0;
  for (size_t i = 0; i < grid_.size(); ++i) {
    difference +=
        grid_[i] > grid_before_[i] ? grid_[i] - grid_before_[i] : grid_before_[i] - grid_[i];
  }
  values_[11] = has_before_ ? static_cast<double>(difference) / pixels / 255
                            : std::numeric_limits<double>::quiet_NaN();
  grid_before_ = grid_;
  has_before_ = true;
}

size_t ImageStatistics::MemoryBytes() const {
  return sizeof *this + rows_.capacity() + numbers_.capacity() * sizeof(float);
}

}  // namespace kedge::stats
