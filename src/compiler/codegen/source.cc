// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/source.h"

#include <cmath>
#include <cstdio>
#include <limits>

#include "base/check.h"

namespace kedge::compiler {
namespace {

std::string Hexadecimal(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%a", value);
  return text;
}

}  // namespace

Source::Source(const std::vector<std::string_view>& headers) {
  Line("#include \"kernel.h\"");
  for (std::string_view header : headers) Line(Text("#include \"", header, "\""));
  Line("using namespace kedge::kernels;");
}

void Source::Line(std::string_view text) {
  text_.append(depth_ * 2, ' ');
  text_ += text;
  text_ += '\n';
}

void Source::Open(std::string_view text) {
  Line(Text(text, " {"));
  ++depth_;
}

void Source::Close(std::string_view text) {
  KEDGE_CHECK(depth_ > 0);
  --depth_;
  Line(text);
}

void Source::OpenKernel(size_t writes, size_t reads, bool can_fail) {
  std::string head = can_fail ? "KEDGE_FALLIBLE_KERNEL(" : "KEDGE_KERNEL(";
  for (size_t i = 0; i < writes + reads; ++i) {
    head += Text(i < writes ? "char* p" : "const char* p", i, ", ");
  }
  Open(head + "[[maybe_unused]] uint32_t task)");
}

std::string IntLiteral(int64_t value) {
  if (value == std::numeric_limits<int64_t>::min()) return "INT64_MIN";
  if (value > std::numeric_limits<int32_t>::max() || value < std::numeric_limits<int32_t>::min()) {
    return "INT64_C(" + std::to_string(value) + ")";
  }
  return std::to_string(value);
}

std::string FloatLiteral(float value) {
  if (std::isnan(value)) return "__builtin_nanf(\"\")";
  if (std::isinf(value)) return value > 0 ? "__builtin_inff()" : "(-__builtin_inff())";
  const std::string text = Hexadecimal(static_cast<double>(value)) + "f";
  return std::signbit(value) ? "(" + text + ")" : text;
}

std::string DoubleLiteral(double value) {
  if (std::isnan(value)) return "__builtin_nan(\"\")";
  if (std::isinf(value)) return value > 0 ? "__builtin_inf()" : "(-__builtin_inf())";
  const std::string text = Hexadecimal(value);
  return std::signbit(value) ? "(" + text + ")" : text;
}

std::string Literal(DType dtype, double value) {
  if (dtype == DType::kF64) return DoubleLiteral(value);
  if (IsFloat(dtype)) return FloatLiteral(static_cast<float>(value));
  KEDGE_CHECK(std::abs(value) < 9.3e18);
  return Text(ComputeType(dtype), "(", static_cast<int64_t>(value), ")");
}

std::string ListLiteral(const std::vector<int64_t>& values) {
  std::string out = "{";
  for (size_t i = 0; i < values.size(); ++i) out += Text(i == 0 ? "" : ", ", values[i]);
  return out + "}";
}

std::string_view ElementType(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "float";
    case DType::kF64:
      return "double";
    case DType::kF16:
      return "Half";
    case DType::kBf16:
      return "BFloat";
    case DType::kI8:
      return "int8_t";
    case DType::kI16:
      return "int16_t";
    case DType::kI32:
      return "int32_t";
    case DType::kI64:
      return "int64_t";
    case DType::kU8:
      return "uint8_t";
    case DType::kU16:
      return "uint16_t";
    case DType::kU32:
      return "uint32_t";
    case DType::kU64:
      return "uint64_t";
    case DType::kBool:
      return "Bool";
  }
  KEDGE_CHECK(false);
}

std::string_view StorageType(DType dtype) {
  switch (DTypeSize(dtype)) {
    case 1:
      return "uint8_t";
    case 2:
      return "uint16_t";
    case 4:
      return "uint32_t";
    default:
      return "uint64_t";
  }
}

std::string_view ComputeType(DType dtype) {
  if (dtype == DType::kF16 || dtype == DType::kBf16) return "float";
  return dtype == DType::kBool ? "bool" : ElementType(dtype);
}

}  // namespace kedge::compiler
