// The text of generated kernels: lines with indentation, literals, and the head of a kernel.
//
// Text of the model never gets in: the only ways to put a value into a line are integers, floats
// and the names of our own functions.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/dtype.h"

namespace kedge::compiler {

// Lines of C++, indented by the open blocks.
class Source {
 public:
  // Starts a translation unit that includes these headers of src/kernels ("math.h").
  explicit Source(const std::vector<std::string_view>& headers = {});

  void Line(std::string_view text);
  // A line that ends in an opening brace, and its closing one.
  void Open(std::string_view text);
  void Close(std::string_view text = "}");
  // The kernel's opening line for so many operands: KEDGE_KERNEL(char* p0, ..., uint32_t task) {
  void OpenKernel(size_t writes, size_t reads, bool can_fail = false);
  std::string Take() && { return std::move(text_); }

 private:
  std::string text_;
  size_t depth_ = 0;
};

// "int64_t{-5}" is spelled so that the smallest value is no negated overflow.
std::string IntLiteral(int64_t value);
// Hexadecimal, exact; infinities and NaN as builtins: "0x1.8p+0f", "__builtin_inff()".
std::string FloatLiteral(float value);
std::string DoubleLiteral(double value);
// A value of the type, for example "float(0x1p+0)"; rounded to the type as a cast would.
std::string Literal(DType dtype, double value);
// "{1, 2, 3}".
std::string ListLiteral(const std::vector<int64_t>& values);

// The element's type in generated code: "float", "int8_t", "kedge::kernels::Half". bool is "Bool".
std::string_view ElementType(DType dtype);
// An unsigned integer of the same size: for kernels that only move elements.
std::string_view StorageType(DType dtype);
// The type in which arithmetic on the element is done: f16 and bf16 compute as float.
std::string_view ComputeType(DType dtype);

// "a + b * 3" and the like from parts: strings are taken as they are, integers as literals.
template <class... Parts>
std::string Text(const Parts&... parts) {
  std::string out;
  auto append = [&out](const auto& part) {
    if constexpr (std::is_integral_v<std::decay_t<decltype(part)>>) {
      out += IntLiteral(static_cast<int64_t>(part));
    } else {
      out += part;
    }
  };
  (append(parts), ...);
  return out;
}

}  // namespace kedge::compiler
