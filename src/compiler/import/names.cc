// SPDX-License-Identifier: Apache-2.0
#include "compiler/import/names.h"

#include <cstdint>

namespace kedge::compiler {
namespace {

// Length of the UTF-8 character at the start, or 0 if there is none: no overlong forms, no
// surrogates, nothing above U+10FFFF (Unicode standard, table 3-7).
size_t CharacterLength(std::string_view text) {
  const auto at = [&text](size_t i) {
    return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0};
  };
  const auto follows = [&at](size_t i, uint8_t low = 0x80, uint8_t high = 0xBF) {
    return at(i) >= low && at(i) <= high;
  };
  const uint8_t first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const uint8_t low = first == 0xE0 ? 0xA0 : 0x80;
    const uint8_t high = first == 0xED ? 0x9F : 0xBF;
    return follows(1, low, high) && follows(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const uint8_t low = first == 0xF0 ? 0x90 : 0x80;
    const uint8_t high = first == 0xF4 ? 0x8F : 0xBF;
    return follows(1, low, high) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

struct Refusal {
  std::string_view prefix;
  std::string_view reason;
};
constexpr Refusal kRefusals[] = {
    {"Sequence", "sequences are"},
    {"ConcatFromSequence", "sequences are"},
    {"SplitToSequence", "sequences are"},
    {"Optional", "optionals are"},
    {"String", "strings are"},
    {"RegexFullMatch", "strings are"},
    {"TfIdfVectorizer", "strings are"},
    {"If", "control flow is"},
    {"Loop", "control flow is"},
    {"Scan", "control flow is"},
    {"Random", "random numbers are"},
    {"Bernoulli", "random numbers are"},
    {"Multinomial", "random numbers are"},
};

}  // namespace

Status CheckText(std::string_view text, size_t bytes_max) {
  if (text.size() > bytes_max) {
    return InvalidArgument("a name has " + std::to_string(text.size()) + " bytes, more than " +
                           std::to_string(bytes_max));
  }
  if (text.find('\0') != std::string_view::npos)
    return InvalidArgument("a name has a NUL character");
  while (!text.empty()) {
    const size_t length = CharacterLength(text);
    if (length == 0) return InvalidArgument("a name is not valid UTF-8");
    text.remove_prefix(length);
  }
  return {};
}

Status CheckName(std::string_view name, size_t bytes_max) {
  if (name.empty()) return InvalidArgument("a name is empty");
  return CheckText(name, bytes_max);
}

bool IsImportedAway(std::string_view op) {
  return op == "Constant" || op == "Upsample" || op == "Scatter";
}

std::string ReasonForRefusal(std::string_view domain, std::string_view op) {
  if (domain.starts_with("ai.onnx.preview.training") || domain.starts_with("ai.onnx.training"))
    return ": training is not supported";
  for (const Refusal& refusal : kRefusals) {
    if (op.starts_with(refusal.prefix))
      return ": " + std::string(refusal.reason) + " not supported";
  }
  return "";
}

}  // namespace kedge::compiler
