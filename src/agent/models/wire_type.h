// The seven element types of the agent's interface (api/agent.proto, enum DataType, same numbers)
// and how the model's own types appear there.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "tensor/dtype.h"

namespace kedge::agent {

enum class WireType : uint8_t {
  kUint8 = 0,
  kInt16 = 1,
  kInt32 = 2,
  kInt64 = 3,
  kFloat16 = 4,
  kFloat32 = 5,
  kFloat64 = 6,
};

// A type that the interface lacks appears as the integer type of its width, bytes unchanged: i8 and
// bool as UINT8, u16 and bf16 as INT16, u32 as INT32, u64 as INT64. bf16 is deliberately not
// FLOAT16: a client would read other numbers without noticing.
WireType WireTypeOf(DType dtype);
// "FLOAT32"; "type 9" cannot occur here, see ToWireType in service/.
std::string_view WireTypeName(WireType type);
size_t WireTypeSize(WireType type);

}  // namespace kedge::agent
