// SPDX-License-Identifier: Apache-2.0
#include "compiler/ops/elements.h"

#include <cmath>
#include <limits>
#include <type_traits>

namespace kedge::compiler {
namespace {

// Calls `use` with a value of the C++ type of the elements; halves are handled by the callers.
template <class Use>
void WithType(DType dtype, Use use) {
  switch (dtype) {
    case DType::kF32:
      return use(float{});
    case DType::kF64:
      return use(double{});
    case DType::kI8:
      return use(int8_t{});
    case DType::kI16:
      return use(int16_t{});
    case DType::kI32:
      return use(int32_t{});
    case DType::kI64:
      return use(int64_t{});
    case DType::kU8:
    case DType::kBool:
      return use(uint8_t{});
    case DType::kU16:
    case DType::kF16:
    case DType::kBf16:
      return use(uint16_t{});
    case DType::kU32:
      return use(uint32_t{});
    case DType::kU64:
      return use(uint64_t{});
  }
}

template <class T>
T Saturate(double value) {
  if constexpr (std::is_floating_point_v<T>) return static_cast<T>(value);
  if (std::isnan(value)) return 0;
  if (value <= static_cast<double>(std::numeric_limits<T>::min()))
    return std::numeric_limits<T>::min();
  if (value >= static_cast<double>(std::numeric_limits<T>::max()))
    return std::numeric_limits<T>::max();
  return static_cast<T>(value);
}

}  // namespace

std::vector<double> ReadDoubles(const Tensor& tensor) {
  std::vector<double> values(static_cast<size_t>(tensor.elements()));
  const DType dtype = tensor.dtype();
  if (dtype == DType::kF16 || dtype == DType::kBf16) {
    const auto from = tensor.As<uint16_t>();
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = dtype == DType::kF16 ? HalfToFloat(from[i]) : BFloatToFloat(from[i]);
    return values;
  }
  WithType(dtype, [&](auto zero) {
    const auto from = tensor.As<decltype(zero)>();
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(from[i]);
  });
  return values;
}

void WriteDoubles(std::span<const double> values, Tensor& tensor) {
  const DType dtype = tensor.dtype();
  if (dtype == DType::kF16 || dtype == DType::kBf16) {
    const auto to = tensor.As<uint16_t>();
    for (size_t i = 0; i < to.size(); ++i) {
      const auto value = static_cast<float>(values[i]);
      to[i] = dtype == DType::kF16 ? FloatToHalf(value) : FloatToBFloat(value);
    }
    return;
  }
  if (dtype == DType::kBool) {
    const auto to = tensor.As<uint8_t>();
    for (size_t i = 0; i < to.size(); ++i) to[i] = values[i] != 0;
    return;
  }
  WithType(dtype, [&](auto zero) {
    const auto to = tensor.As<decltype(zero)>();
    for (size_t i = 0; i < to.size(); ++i) to[i] = Saturate<decltype(zero)>(values[i]);
  });
}

std::vector<int64_t> ReadIntegers(const Tensor& tensor) {
  std::vector<int64_t> values(static_cast<size_t>(tensor.elements()));
  WithType(tensor.dtype(), [&](auto zero) {
    const auto from = tensor.As<decltype(zero)>();
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int64_t>(from[i]);
  });
  return values;
}

void WriteIntegers(std::span<const int64_t> values, Tensor& tensor) {
  const bool is_bool = tensor.dtype() == DType::kBool;
  WithType(tensor.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto to = tensor.As<T>();
    for (size_t i = 0; i < to.size(); ++i)
      to[i] = is_bool ? static_cast<T>(values[i] != 0) : static_cast<T>(values[i]);
  });
}

std::vector<int64_t> BroadcastStrides(const Shape& operand, const Shape& shape) {
  std::vector<int64_t> strides(shape.rank(), 0);
  const std::vector<int64_t> own = RowMajorStrides(operand);
  const size_t shift = shape.rank() - operand.rank();
  for (size_t i = 0; i < operand.rank(); ++i) strides[i + shift] = operand[i] == 1 ? 0 : own[i];
  return strides;
}

Odometer::Odometer(const Shape& shape, std::vector<std::vector<int64_t>> strides,
                   std::vector<int64_t> starts)
    : dims_(shape.dims),
      strides_(std::move(strides)),
      offsets_(std::move(starts)),
      index_(shape.rank(), 0),
      left_(shape.elements()) {
  offsets_.resize(strides_.size(), 0);
}

void Odometer::Next() {
  --left_;
  for (size_t i = dims_.size(); i-- > 0;) {
    ++index_[i];
    for (size_t k = 0; k < strides_.size(); ++k) offsets_[k] += strides_[k][i];
    if (index_[i] < dims_[i]) return;
    for (size_t k = 0; k < strides_.size(); ++k) offsets_[k] -= strides_[k][i] * dims_[i];
    index_[i] = 0;
  }
}

void CopyStrided(const Tensor& from, const std::vector<int64_t>& strides, int64_t start,
                 Tensor& to) {
  const size_t size = DTypeSize(to.dtype());
  const uint8_t* source = from.bytes().data();
  uint8_t* target = to.mutable_bytes().data();
  for (Odometer at(to.shape(), {strides}, {start}); !at.done(); at.Next(), target += size)
    std::memcpy(target, source + at.offset(0) * static_cast<int64_t>(size), size);
}

AxisView::AxisView(const Shape& shape, int64_t axis) {
  for (size_t i = 0; i < shape.rank(); ++i) {
    if (static_cast<int64_t>(i) < axis) outer *= shape[i];
    if (static_cast<int64_t>(i) == axis) length = shape[i];
    if (static_cast<int64_t>(i) > axis) inner *= shape[i];
  }
}

}  // namespace kedge::compiler
