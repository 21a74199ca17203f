// JSON: whatever is read, is written and read again as the same value.
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/json/json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  namespace json = kedge::json;
  const auto value = json::Parse({reinterpret_cast<const char*>(bytes), size});
  if (!value) {
    KEDGE_CHECK(value.error().code == kedge::Code::kInvalidArgument);
    return 0;
  }
  const std::string text = json::Write(*value);
  const auto again = json::Parse(text);
  KEDGE_CHECK(again.has_value() && *again == *value);
  KEDGE_CHECK(json::Write(*again) == text);
  const auto pretty = json::Parse(json::WritePretty(*value));
  KEDGE_CHECK(pretty.has_value() && *pretty == *value);
  const std::string canonical = json::WriteCanonical(*value);
  const auto of_canonical = json::Parse(canonical);
  KEDGE_CHECK(of_canonical.has_value() && json::WriteCanonical(*of_canonical) == canonical);
  return 0;
}
