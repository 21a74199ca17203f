// Elements of a tensor that somebody else owns, of any type, as numbers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>

#include "stats/features/tensor_view.h"

namespace kedge::stats {

// Element i; i64 and u64 above 2^53 are rounded. i must be inside.
inline double ElementOf(const TensorView& tensor, size_t i) {
  const uint8_t* bytes = tensor.bytes.data();
  switch (tensor.dtype) {
    case DType::kF32:
      return static_cast<double>(LoadLittle<float>(bytes + 4 * i));
    case DType::kF64:
      return LoadLittle<double>(bytes + 8 * i);
    case DType::kF16:
      return static_cast<double>(HalfToFloat(LoadLittle<uint16_t>(bytes + 2 * i)));
    case DType::kBf16:
      return static_cast<double>(BFloatToFloat(LoadLittle<uint16_t>(bytes + 2 * i)));
    case DType::kI8:
      return LoadLittle<int8_t>(bytes + i);
    case DType::kI16:
      return LoadLittle<int16_t>(bytes + 2 * i);
    case DType::kI32:
      return LoadLittle<int32_t>(bytes + 4 * i);
    case DType::kI64:
      return static_cast<double>(LoadLittle<int64_t>(bytes + 8 * i));
    case DType::kU8:
    case DType::kBool:
      return bytes[i];
    case DType::kU16:
      return LoadLittle<uint16_t>(bytes + 2 * i);
    case DType::kU32:
      return LoadLittle<uint32_t>(bytes + 4 * i);
    case DType::kU64:
      return static_cast<double>(LoadLittle<uint64_t>(bytes + 8 * i));
  }
  return 0;
}

// Elements from `begin` on into all of `out`.
inline void ReadFloats(const TensorView& tensor, size_t begin, std::span<float> out) {
  if (tensor.dtype == DType::kF32) {
    std::memcpy(out.data(), tensor.bytes.data() + 4 * begin, out.size_bytes());
    return;
  }
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(ElementOf(tensor, begin + i));
}

}  // namespace kedge::stats
