// A tensor that owns its elements: a typed n-dimensional array, row-major, no padding.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "base/bytes.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace kedge {

class Tensor {
 public:
  Tensor() : dtype_(DType::kF32), shape_({0}) {}
  // All elements zero. The shape must be one that CheckShape accepts.
  Tensor(DType dtype, Shape shape);
  // Copies elements() * size bytes. kInvalidArgument if `bytes` has another size or the shape is
  // refused.
  static Result<Tensor> FromBytes(DType dtype, Shape shape, Bytes bytes);
  template <class T>
  static Tensor Of(DType dtype, Shape shape, const std::vector<T>& values) {
    Tensor tensor(dtype, std::move(shape));
    KEDGE_CHECK(values.size() * sizeof(T) == tensor.bytes_.size());
    if (!values.empty()) std::memcpy(tensor.bytes_.data(), values.data(), tensor.bytes_.size());
    return tensor;
  }

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int64_t elements() const { return shape_.elements(); }
  Bytes bytes() const { return bytes_; }
  std::span<uint8_t> mutable_bytes() { return bytes_; }

  // The elements as T; sizeof(T) must be the element's size.
  template <class T>
  std::span<const T> As() const {
    KEDGE_CHECK(sizeof(T) == DTypeSize(dtype_));
    return {reinterpret_cast<const T*>(bytes_.data()), bytes_.size() / sizeof(T)};
  }
  template <class T>
  std::span<T> As() {
    KEDGE_CHECK(sizeof(T) == DTypeSize(dtype_));
    return {reinterpret_cast<T*>(bytes_.data()), bytes_.size() / sizeof(T)};
  }

  // The same elements under another shape of as many elements.
  Tensor Reshaped(Shape shape) &&;

 private:
  DType dtype_;
  Shape shape_;
  ByteBuffer bytes_;
};

// IEEE half and bfloat16 to and from float, rounding to nearest even.
float HalfToFloat(uint16_t half);
uint16_t FloatToHalf(float value);
float BFloatToFloat(uint16_t value);
uint16_t FloatToBFloat(float value);

// Element i of any type as a double (i64 and u64 above 2^53 are rounded).
double ElementAsDouble(const Tensor& tensor, int64_t i);

// Seeded random elements, the same on every machine: floats uniform in [0, 1), 8-bit integers over
// their range, wider ones 0 to 99, bool 0 or 1.
Tensor RandomTensor(DType dtype, Shape shape, uint64_t seed);

}  // namespace kedge
