// SPDX-License-Identifier: Apache-2.0
#include "agent/models/wire_type.h"

#include "base/check.h"

namespace kedge::agent {

WireType WireTypeOf(DType dtype) {
  switch (dtype) {
    case DType::kU8:
    case DType::kI8:
    case DType::kBool:
      return WireType::kUint8;
    case DType::kI16:
    case DType::kU16:
    case DType::kBf16:
      return WireType::kInt16;
    case DType::kI32:
    case DType::kU32:
      return WireType::kInt32;
    case DType::kI64:
    case DType::kU64:
      return WireType::kInt64;
    case DType::kF16:
      return WireType::kFloat16;
    case DType::kF32:
      return WireType::kFloat32;
    case DType::kF64:
      return WireType::kFloat64;
  }
  KEDGE_CHECK(false);
}

std::string_view WireTypeName(WireType type) {
  switch (type) {
    case WireType::kUint8:
      return "UINT8";
    case WireType::kInt16:
      return "INT16";
    case WireType::kInt32:
      return "INT32";
    case WireType::kInt64:
      return "INT64";
    case WireType::kFloat16:
      return "FLOAT16";
    case WireType::kFloat32:
      return "FLOAT32";
    case WireType::kFloat64:
      return "FLOAT64";
  }
  KEDGE_CHECK(false);
}

size_t WireTypeSize(WireType type) {
  switch (type) {
    case WireType::kUint8:
      return 1;
    case WireType::kInt16:
    case WireType::kFloat16:
      return 2;
    case WireType::kInt32:
    case WireType::kFloat32:
      return 4;
    case WireType::kInt64:
    case WireType::kFloat64:
      return 8;
  }
  KEDGE_CHECK(false);
}

}  // namespace kedge::agent
