// The only file that names simdjson.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>
#include <set>
#include <simdjson.h>

#include "base/json/json.h"

namespace kedge::json {

namespace {

constexpr size_t kKeptTextBytes = 16u << 10;  // of a thread's parser between texts
constexpr size_t kFewMembers = 16;            // up to here comparing each pair beats a set

// A parser with room for texts of the usual size; making one costs more than such a text.
struct KeptParser {
  simdjson::dom::parser parser;
  std::unique_ptr<char[]> padded =
      std::make_unique<char[]>(kKeptTextBytes + simdjson::SIMDJSON_PADDING);
  size_t depth = 0;  // of what the parser has room for; 0: none yet
};

bool IsRepeated(const Object& object, std::set<std::string_view>& names, std::string_view name) {
  if (object.size() >= kFewMembers) {
    if (names.empty()) {
      for (const Member& member : object) names.insert(member.first);
    }
    return !names.insert(name).second;
  }
  return object.Find(name) != nullptr;
}

Result<Value> Convert(simdjson::dom::element element,
                      const ParseOptions& options);  // NOLINT(misc-no-recursion)

Result<Value> ConvertArray(simdjson::dom::array source,
                           const ParseOptions& options) {  // NOLINT(misc-no-recursion)
  Array array;
  array.reserve(source.size());
  for (simdjson::dom::element element : source) {
    KEDGE_TRY(Value value, Convert(element, options));
    array.push_back(std::move(value));
  }
  return Value(std::move(array));
}

Result<Value> ConvertObject(simdjson::dom::object source,
                            const ParseOptions& options) {  // NOLINT(misc-no-recursion)
  Object object;
  object.Reserve(source.size());
  std::set<std::string_view> names;
  for (auto field : source) {
    if (options.reject_duplicate_keys && IsRepeated(object, names, field.key)) {
      return InvalidArgument("json object has the member '" + std::string(field.key.substr(0, 80)) +
                             "' twice");
    }
    KEDGE_TRY(Value value, Convert(field.value, options));
    object.Append(std::string(field.key), std::move(value));
  }
  return Value(std::move(object));
}

Result<Value> Convert(simdjson::dom::element element,
                      const ParseOptions& options) {  // NOLINT(misc-no-recursion)
  using simdjson::dom::element_type;
  switch (element.type()) {
    case element_type::NULL_VALUE:
      return Value();
    case element_type::BOOL:
      return Value(bool{element.get_bool().value_unsafe()});
    case element_type::INT64:
      return Value(int64_t{element.get_int64().value_unsafe()});
    case element_type::UINT64:
      return Value(uint64_t{element.get_uint64().value_unsafe()});
    case element_type::DOUBLE:
      return Value(double{element.get_double().value_unsafe()});
    case element_type::STRING:
      return Value(std::string_view(element.get_string().value_unsafe()));
    case element_type::ARRAY:
      return ConvertArray(element.get_array().value_unsafe(), options);
    case element_type::OBJECT:
      return ConvertObject(element.get_object().value_unsafe(), options);
  }
  return Internal("json element of an unknown kind");
}

Result<Value> ParseOnce(std::string_view text, const ParseOptions& options) {
  simdjson::dom::parser parser(options.bytes_max);
  const simdjson::padded_string padded(text);
  if (const auto error = parser.allocate(text.size(), options.depth_max)) {
    return InvalidArgument(std::string("json: ") + simdjson::error_message(error));
  }
  const auto parsed = parser.parse(padded);
  if (parsed.error() != simdjson::SUCCESS) {
    return InvalidArgument(std::string("json: ") + simdjson::error_message(parsed.error()));
  }
  return Convert(parsed.value_unsafe(), options);
}

}  // namespace

Result<Value> Parse(std::string_view text, const ParseOptions& options) {
  if (text.size() > options.bytes_max) {
    return InvalidArgument("json text of " + std::to_string(text.size()) +
                           " bytes is longer than " + std::to_string(options.bytes_max));
  }
  if (text.empty()) return InvalidArgument("json text is empty");
  if (text.substr(0, 3) == "\xEF\xBB\xBF")
    return InvalidArgument("json text begins with a byte-order mark");
  if (text.size() > kKeptTextBytes) return ParseOnce(text, options);

  thread_local KeptParser kept;
  if (kept.depth != options.depth_max) {
    if (const auto error = kept.parser.allocate(kKeptTextBytes, options.depth_max)) {
      return InvalidArgument(std::string("json: ") + simdjson::error_message(error));
    }
    kept.depth = options.depth_max;
  }
  std::copy(text.begin(), text.end(), kept.padded.get());
  std::fill_n(kept.padded.get() + text.size(), simdjson::SIMDJSON_PADDING, ' ');
  const auto parsed =
      kept.parser.parse(kept.padded.get(), text.size(), /*realloc_if_needed=*/false);
  if (parsed.error() != simdjson::SUCCESS) {
    return InvalidArgument(std::string("json: ") + simdjson::error_message(parsed.error()));
  }
  return Convert(parsed.value_unsafe(), options);
}

}  // namespace kedge::json
