// SPDX-License-Identifier: Apache-2.0
#include "tensor/shape.h"

#include <charconv>

namespace kedge {

int64_t Shape::elements() const {
  int64_t product = 1;
  for (int64_t size : dims) product *= size;
  return product;
}

Status CheckShape(const Shape& shape) {
  if (shape.rank() > kRankMax) {
    return InvalidArgument("rank " + std::to_string(shape.rank()) + " is above " +
                           std::to_string(kRankMax));
  }
  int64_t product = 1;
  for (int64_t size : shape.dims) {
    if (size < 0) return InvalidArgument("shape has the negative size " + std::to_string(size));
    if (size > kElementsMax || (size > 0 && product > kElementsMax / size)) {
      return InvalidArgument("shape " + ToString(shape) + " has more than " +
                             std::to_string(kElementsMax) + " elements");
    }
    product *= size > 0 ? size : 1;
  }
  return {};
}

std::string ToString(const Shape& shape) {
  if (shape.dims.empty()) return "scalar";
  std::string text;
  for (size_t i = 0; i < shape.rank(); ++i) {
    if (i > 0) text += 'x';
    text += std::to_string(shape[i]);
  }
  return text;
}

Result<Shape> ParseShape(std::string_view text) {
  Shape shape;
  if (text.empty() || text == "scalar") return shape;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (;;) {
    int64_t size = 0;
    const auto [next, error] = std::from_chars(at, end, size);
    if (error != std::errc() || size < 0)
      return InvalidArgument("'" + std::string(text.substr(0, 80)) +
                             "' is not a shape like 1x3x224x224");
    shape.dims.push_back(size);
    if (next == end) break;
    if (*next != 'x' || shape.rank() == kRankMax) {
      return InvalidArgument("'" + std::string(text.substr(0, 80)) +
                             "' is not a shape like 1x3x224x224");
    }
    at = next + 1;
  }
  KEDGE_TRY_STATUS(CheckShape(shape));
  return shape;
}

std::vector<int64_t> RowMajorStrides(const Shape& shape) {
  std::vector<int64_t> strides(shape.rank(), 1);
  for (size_t i = shape.rank(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

}  // namespace kedge
