// Shapes: the sizes of a tensor's dimensions, outermost first.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kedge {

constexpr size_t kRankMax = 8;
// No tensor has more elements than this, so that products of sizes never overflow.
constexpr int64_t kElementsMax = int64_t{1} << 40;

struct Shape {
  std::vector<int64_t> dims;

  Shape() = default;
  Shape(std::initializer_list<int64_t> sizes) : dims(sizes) {}
  explicit Shape(std::vector<int64_t> sizes) : dims(std::move(sizes)) {}

  size_t rank() const { return dims.size(); }
  int64_t operator[](size_t i) const { return dims[i]; }
  // Product of the sizes; 1 for a scalar. The shape must be one that CheckShape accepts.
  int64_t elements() const;
  friend bool operator==(const Shape&, const Shape&) = default;
};

// kInvalidArgument for a rank above kRankMax, a negative size, or more than kElementsMax elements.
Status CheckShape(const Shape& shape);

// "1x3x224x224"; a scalar is "scalar".
std::string ToString(const Shape& shape);
// Reads "1x3x224x224", "7", "scalar" or "". kInvalidArgument for anything else or a shape
// CheckShape refuses.
Result<Shape> ParseShape(std::string_view text);

// Elements between neighbours of each dimension in row-major order.
std::vector<int64_t> RowMajorStrides(const Shape& shape);

}  // namespace kedge
