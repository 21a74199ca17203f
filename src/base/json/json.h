// JSON: a value type, a strict reader (simdjson inside) and a writer.
//
// Integers keep 64 bits; a number with a fraction or exponent is a double. Objects keep the order
// of their members.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace kedge::json {

class Value;
struct Member;
using Array = std::vector<Value>;

// Members in the order of the text. Lookup is linear: our objects are small.
class Object {
 public:
  Object();
  ~Object();
  Object(const Object&);
  Object(Object&&) noexcept;
  Object& operator=(const Object&);
  Object& operator=(Object&&) noexcept;
  Object(std::initializer_list<Member> members);

  // The last member of that name, or null.
  const Value* Find(std::string_view name) const;
  Value* Find(std::string_view name);
  // Replaces or appends.
  void Set(std::string_view name, Value value);
  // Appends without looking for the name: for readers that have checked it.
  void Append(std::string name, Value value);
  void Reserve(size_t members);
  bool Erase(std::string_view name);

  std::vector<Member>& members() { return members_; }
  const std::vector<Member>& members() const { return members_; }
  bool empty() const;
  size_t size() const;
  auto begin() const { return members_.begin(); }
  auto end() const { return members_.end(); }

 private:
  std::vector<Member> members_;
};

class Value {
 public:
  Value() = default;  // null
  // NOLINTBEGIN(google-explicit-constructor): a value is written as what it holds.
  Value(std::nullptr_t) {}
  Value(bool value) : storage_(value) {}
  Value(int value) : storage_(static_cast<int64_t>(value)) {}
  Value(int64_t value) : storage_(value) {}
  Value(uint64_t value);  // a double above 2^63-1
  Value(uint32_t value) : storage_(static_cast<int64_t>(value)) {}
  Value(double value) : storage_(value) {}
  Value(std::string value) : storage_(std::move(value)) {}
  Value(std::string_view value) : storage_(std::string(value)) {}
  Value(const char* value) : storage_(std::string(value)) {}
  Value(Array value) : storage_(std::move(value)) {}
  Value(Object value) : storage_(std::move(value)) {}
  // NOLINTEND(google-explicit-constructor)

  bool is_null() const { return std::holds_alternative<std::monostate>(storage_); }
  // Null if the value is of another kind.
  const bool* AsBool() const { return std::get_if<bool>(&storage_); }
  const int64_t* AsInt() const { return std::get_if<int64_t>(&storage_); }
  const double* AsDouble() const { return std::get_if<double>(&storage_); }
  const std::string* AsString() const { return std::get_if<std::string>(&storage_); }
  const Array* AsArray() const { return std::get_if<Array>(&storage_); }
  const Object* AsObject() const { return std::get_if<Object>(&storage_); }
  Array* AsArray() { return std::get_if<Array>(&storage_); }
  Object* AsObject() { return std::get_if<Object>(&storage_); }
  // An integer or a double as a double.
  bool IsNumber() const { return AsInt() != nullptr || AsDouble() != nullptr; }
  double NumberOr(double other) const;

  // "null", "boolean", "number", "string", "array", "object": for messages.
  std::string_view KindName() const;

  // Members of an object with a fallback: for lenient reading of documents that were validated
  // before.
  const Value* Find(
      std::string_view name) const;  // null if this is no object or has no such member
  std::string StringOr(std::string_view name, std::string_view other) const;
  int64_t IntOr(std::string_view name, int64_t other) const;
  bool BoolOr(std::string_view name, bool other) const;

  friend bool operator==(const Value& a, const Value& b);

 private:
  std::variant<std::monostate, bool, int64_t, double, std::string, Array, Object> storage_;
};

struct Member {
  std::string first;
  Value second;
  friend bool operator==(const Member&, const Member&) = default;
};

inline bool Object::empty() const { return members_.empty(); }
inline size_t Object::size() const { return members_.size(); }

struct ParseOptions {
  size_t bytes_max = 64u << 20;
  size_t depth_max = 64;
  bool reject_duplicate_keys = true;
};

// Reads one JSON text (RFC 8259, UTF-8, no byte-order mark, nothing after it). kInvalidArgument
// otherwise, or when a limit of the options is passed.
Result<Value> Parse(std::string_view text, const ParseOptions& options = {});

// Compact text; doubles in the shortest form that reads back equal; NaN and infinities become null.
std::string Write(const Value& value);
// The same with line breaks and two spaces an indentation step, and a final line break.
std::string WritePretty(const Value& value);
// Compact with the members of every object sorted by their bytes: one text per value, for what is
// signed.
std::string WriteCanonical(const Value& value);
// Appends "text" in quotes, escaped. Bytes that are not UTF-8 become U+FFFD.
void AppendQuoted(std::string_view text, std::string& out);

}  // namespace kedge::json
