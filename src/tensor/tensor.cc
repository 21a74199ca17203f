// SPDX-License-Identifier: Apache-2.0
#include "tensor/tensor.h"

#include <bit>

namespace kedge {

Tensor::Tensor(DType dtype, Shape shape) : dtype_(dtype), shape_(std::move(shape)) {
  bytes_.resize(static_cast<size_t>(shape_.elements()) * DTypeSize(dtype_));
}

Result<Tensor> Tensor::FromBytes(DType dtype, Shape shape, Bytes bytes) {
  KEDGE_TRY_STATUS(CheckShape(shape));
  const uint64_t wanted = static_cast<uint64_t>(shape.elements()) * DTypeSize(dtype);
  if (wanted != bytes.size()) {
    return InvalidArgument("tensor of " + std::string(DTypeName(dtype)) + " " + ToString(shape) +
                           " needs " + std::to_string(wanted) + " bytes, got " +
                           std::to_string(bytes.size()));
  }
  Tensor tensor;
  tensor.dtype_ = dtype;
  tensor.shape_ = std::move(shape);
  tensor.bytes_.assign(bytes.begin(), bytes.end());
  return tensor;
}

Tensor Tensor::Reshaped(Shape shape) && {
  KEDGE_CHECK(shape.elements() == shape_.elements());
  shape_ = std::move(shape);
  return std::move(*this);
}

float HalfToFloat(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 31u;
  const uint32_t mantissa = half & 0x3FFu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | mantissa << 13);
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
}

uint16_t FloatToHalf(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  const uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u)
    return static_cast<uint16_t>(sign | 0x7E00u | ((magnitude >> 13) & 0x3FFu));
  if (magnitude >= 0x477FF000u)
    return static_cast<uint16_t>(sign | 0x7C00u);  // rounds to above 65504
  if (magnitude < 0x38800000u) {                   // subnormal half
    const float scaled = std::bit_cast<float>(magnitude) * 0x1p24f;
    const float rounded = (scaled + 0x1p23f) - 0x1p23f;
    return static_cast<uint16_t>(sign | static_cast<uint16_t>(rounded));
  }
  const uint32_t rounded = magnitude + 0xFFFu + ((magnitude >> 13) & 1u);
  return static_cast<uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
}

float BFloatToFloat(uint16_t value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value) << 16);
}

uint16_t FloatToBFloat(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<uint16_t>(bits >> 16 | 0x40u);
  return static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

double ElementAsDouble(const Tensor& tensor, int64_t i) {
  const uint8_t* at = tensor.bytes().data() + static_cast<size_t>(i) * DTypeSize(tensor.dtype());
  switch (tensor.dtype()) {
    case DType::kF32:
      return LoadLittle<float>(at);
    case DType::kF64:
      return LoadLittle<double>(at);
    case DType::kF16:
      return HalfToFloat(LoadLittle<uint16_t>(at));
    case DType::kBf16:
      return BFloatToFloat(LoadLittle<uint16_t>(at));
    case DType::kI8:
      return LoadLittle<int8_t>(at);
    case DType::kI16:
      return LoadLittle<int16_t>(at);
    case DType::kI32:
      return LoadLittle<int32_t>(at);
    case DType::kI64:
      return static_cast<double>(LoadLittle<int64_t>(at));
    case DType::kU8:
    case DType::kBool:
      return *at;
    case DType::kU16:
      return LoadLittle<uint16_t>(at);
    case DType::kU32:
      return LoadLittle<uint32_t>(at);
    case DType::kU64:
      return static_cast<double>(LoadLittle<uint64_t>(at));
  }
  return 0;
}

namespace {

// SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
uint64_t NextRandom(uint64_t& state) {
  uint64_t z = (state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

}  // namespace

Tensor RandomTensor(DType dtype, Shape shape, uint64_t seed) {
  Tensor tensor(dtype, std::move(shape));
  uint64_t state = seed;
  const size_t size = DTypeSize(dtype);
  uint8_t* at = tensor.mutable_bytes().data();
  for (int64_t i = 0; i < tensor.elements(); ++i, at += size) {
    const uint64_t bits = NextRandom(state);
    const float unit = static_cast<float>(bits >> 40) * 0x1p-24f;
    switch (dtype) {
      case DType::kF32:
        StoreLittle(at, unit);
        break;
      case DType::kF64:
        StoreLittle(at, static_cast<double>(bits >> 11) * 0x1p-53);
        break;
      case DType::kF16:
        StoreLittle(at, FloatToHalf(unit));
        break;
      case DType::kBf16:
        StoreLittle(at, FloatToBFloat(unit));
        break;
      case DType::kI8:
      case DType::kU8:
        *at = static_cast<uint8_t>(bits >> 56);
        break;
      case DType::kBool:
        *at = static_cast<uint8_t>(bits >> 63);
        break;
      default: {
        const uint64_t number = (bits >> 32) % 100;
        std::memcpy(at, &number, size);
      }
    }
  }
  return tensor;
}

}  // namespace kedge
