// Names in a model, and why an operator is refused.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace kedge::compiler {

// Valid UTF-8 without NUL, at most bytes_max bytes. kInvalidArgument otherwise.
Status CheckText(std::string_view text, size_t bytes_max);
// The same and not empty.
Status CheckName(std::string_view name, size_t bytes_max);

// "" and "ai.onnx" are one domain.
inline bool IsDefaultDomain(std::string_view domain) {
  return domain.empty() || domain == "ai.onnx";
}

// Operators that become others at import (import/opset.cc).
bool IsImportedAway(std::string_view op);

// ": sequences are not supported" and so on, or "" if there is no more to say.
std::string ReasonForRefusal(std::string_view domain, std::string_view op);

}  // namespace kedge::compiler
