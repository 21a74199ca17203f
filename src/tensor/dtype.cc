// SPDX-License-Identifier: Apache-2.0
#include "tensor/dtype.h"

namespace kedge {

namespace {

struct DTypeRow {
  DType dtype;
  std::string_view name;
  size_t size;
};

constexpr DTypeRow kDTypes[] = {
    {DType::kF32, "f32", 4},   {DType::kF64, "f64", 8}, {DType::kF16, "f16", 2},
    {DType::kBf16, "bf16", 2}, {DType::kI8, "i8", 1},   {DType::kI16, "i16", 2},
    {DType::kI32, "i32", 4},   {DType::kI64, "i64", 8}, {DType::kU8, "u8", 1},
    {DType::kU16, "u16", 2},   {DType::kU32, "u32", 4}, {DType::kU64, "u64", 8},
    {DType::kBool, "bool", 1}};

const DTypeRow& Row(DType dtype) {
  const auto index = static_cast<size_t>(dtype) - 1;
  KEDGE_CHECK(index < std::size(kDTypes));
  return kDTypes[index];
}

}  // namespace

size_t DTypeSize(DType dtype) { return Row(dtype).size; }
std::string_view DTypeName(DType dtype) { return Row(dtype).name; }

Result<DType> ParseDType(std::string_view name) {
  for (const DTypeRow& row : kDTypes) {
    if (row.name == name) return row.dtype;
  }
  return InvalidArgument("unknown element type '" + std::string(name.substr(0, 40)) + "'");
}

bool IsFloat(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kF64 || dtype == DType::kF16 ||
         dtype == DType::kBf16;
}

}  // namespace kedge
