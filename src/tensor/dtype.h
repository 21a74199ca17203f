// Element types. The numbers are ours, stand in the compiled model's C ABI (api/kedge_model.h) and
// never change.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace kedge {

enum class DType : uint8_t {
  kF32 = 1,
  kF64 = 2,
  kF16 = 3,
  kBf16 = 4,
  kI8 = 5,
  kI16 = 6,
  kI32 = 7,
  kI64 = 8,
  kU8 = 9,
  kU16 = 10,
  kU32 = 11,
  kU64 = 12,
  kBool = 13,  // one byte, 0 or 1
};

// Bytes of one element.
size_t DTypeSize(DType dtype);
// "f32", "bf16", "i8", "bool" ...
std::string_view DTypeName(DType dtype);
Result<DType> ParseDType(std::string_view name);
bool IsFloat(DType dtype);

}  // namespace kedge
