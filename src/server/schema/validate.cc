// SPDX-License-Identifier: Apache-2.0
#include "server/schema/validate.h"

#include <algorithm>
#include <cmath>

#include "server/schema/pattern.h"

namespace kedge::server {
namespace {

constexpr size_t kViolationsMax = 20;           // told in one message
constexpr size_t kShownBytesMax = 256;          // of a value in a message
constexpr double kTimestampMax = 253402300799;  // seconds: the year 9999

// "DeviceFleetName" -> "deviceFleetName", as AWS names members in messages.
std::string FieldName(const std::string& name) {
  std::string field = name;
  if (!field.empty() && field[0] >= 'A' && field[0] <= 'Z') {
    field[0] = static_cast<char>(field[0] - 'A' + 'a');
  }
  return field;
}

std::string Join(const std::string& path, const std::string& name) {
  return path.empty() ? FieldName(name) : path + "." + FieldName(name);
}

// AWS counts list members from 1.
std::string Join(const std::string& path, size_t index) {
  return path + "." + std::to_string(index + 1) + ".member";
}

Error WrongType(const std::string& path, std::string_view want, const json::Value& value) {
  return InvalidArgument("expected a " + std::string(want) +
                         (path.empty() ? "" : " at '" + path + "'") + ", got a " +
                         std::string(value.KindName()));
}

Result<json::Value> Typed(const Shape& shape, const json::Value& value, const std::string& path);

Result<json::Value> TypedStructure(const Shape& shape, const json::Value& value,
                                   const std::string& path) {
  if (value.AsObject() == nullptr) return WrongType(path, "object", value);
  json::Object object;
  for (const Shape::Member& member : shape.members) {
    const json::Value* found = value.Find(member.name);
    if (found == nullptr || found->is_null()) continue;
    KEDGE_TRY(json::Value typed, Typed(*member.shape, *found, Join(path, member.name)));
    object.Set(member.name, std::move(typed));
  }
  return json::Value(std::move(object));
}

Result<json::Value> TypedList(const Shape& shape, const json::Value& value,
                              const std::string& path) {
  if (value.AsArray() == nullptr) return WrongType(path, "list", value);
  json::Array array;
  for (size_t i = 0; i < value.AsArray()->size(); ++i) {
    KEDGE_TRY(json::Value typed, Typed(*shape.element, (*value.AsArray())[i], Join(path, i)));
    array.push_back(std::move(typed));
  }
  return json::Value(std::move(array));
}

Result<json::Value> Typed(const Shape& shape, const json::Value& value, const std::string& path) {
  switch (shape.kind) {
    case Shape::Kind::kStructure:
      return TypedStructure(shape, value, path);
    case Shape::Kind::kList:
      return TypedList(shape, value, path);
    case Shape::Kind::kString:
      if (value.AsString() == nullptr) return WrongType(path, "string", value);
      return value;
    case Shape::Kind::kBoolean:
      if (value.AsBool() == nullptr) return WrongType(path, "boolean", value);
      return value;
    case Shape::Kind::kInteger:
      if (value.AsInt() == nullptr || *value.AsInt() > INT32_MAX || *value.AsInt() < INT32_MIN) {
        return WrongType(path, "32-bit integer", value);
      }
      return value;
    case Shape::Kind::kLong:
      if (value.AsInt() == nullptr) return WrongType(path, "64-bit integer", value);
      return value;
    case Shape::Kind::kDouble:
      if (!value.IsNumber()) return WrongType(path, "number", value);
      return value;
    case Shape::Kind::kTimestamp:
      break;
  }
  if (!value.IsNumber() || !(std::abs(value.NumberOr(0)) <= kTimestampMax)) {
    return WrongType(path, "timestamp (a number of seconds since the epoch)", value);
  }
  return value;
}

// Collects what is wrong with a value.
class Checker {
 public:
  void Check(const Shape& shape, const json::Value& value, const std::string& path);
  Status status() const;

 private:
  void CheckText(const Shape& shape, const std::string& text, const std::string& path);
  void CheckSize(const Shape& shape, int64_t size, std::string_view noun, const json::Value& value,
                 const std::string& path);
  void Add(const json::Value* value, const std::string& path, const std::string& constraint);

  std::vector<std::string> violations_;
};

int64_t Characters(std::string_view text) {  // code points: continuation bytes do not count
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

void Checker::Add(const json::Value* value, const std::string& path,
                  const std::string& constraint) {
  if (violations_.size() >= kViolationsMax) return;
  std::string shown = "null";
  if (value != nullptr) {
    shown = value->AsString() != nullptr ? *value->AsString() : json::Write(*value);
    if (shown.size() > kShownBytesMax) shown = shown.substr(0, kShownBytesMax) + "...";
    shown = "'" + shown + "'";
  }
  violations_.push_back("Value " + shown + " at '" + path +
                        "' failed to satisfy constraint: " + constraint);
}

void Checker::CheckSize(const Shape& shape, int64_t size, std::string_view noun,
                        const json::Value& value, const std::string& path) {
  const std::string must = "Member must have " + std::string(noun);
  if (shape.min && size < *shape.min) {
    Add(&value, path, must + " greater than or equal to " + std::to_string(*shape.min));
  }
  if (shape.max && size > *shape.max) {
    Add(&value, path, must + " less than or equal to " + std::to_string(*shape.max));
  }
}

void Checker::CheckText(const Shape& shape, const std::string& text, const std::string& path) {
  const json::Value value(text);
  CheckSize(shape, Characters(text), "length", value, path);
  const auto& values = shape.enumeration;
  if (!values.empty() && std::find(values.begin(), values.end(), text) == values.end()) {
    std::string set;
    for (const std::string& one : values) set += (set.empty() ? "" : ", ") + one;
    Add(&value, path, "Member must satisfy enum value set: [" + set + "]");
  }
  if (shape.pattern != nullptr && !shape.pattern->MatchesAll(text)) {
    Add(&value, path, "Member must satisfy regular expression pattern: " + shape.pattern->text());
  }
}

void Checker::Check(const Shape& shape, const json::Value& value, const std::string& path) {
  switch (shape.kind) {
    case Shape::Kind::kString:
      CheckText(shape, *value.AsString(), path);
      break;
    case Shape::Kind::kInteger:
    case Shape::Kind::kLong:
      CheckSize(shape, *value.AsInt(), "value", value, path);
      break;
    case Shape::Kind::kList:
      CheckSize(shape, static_cast<int64_t>(value.AsArray()->size()), "length", value, path);
      for (size_t i = 0; i < value.AsArray()->size(); ++i) {
        Check(*shape.element, (*value.AsArray())[i], Join(path, i));
      }
      break;
    case Shape::Kind::kStructure:
      for (const Shape::Member& member : shape.members) {
        const json::Value* found = value.Find(member.name);
        if (found != nullptr) {
          Check(*member.shape, *found, Join(path, member.name));
        } else if (member.required) {
          Add(nullptr, Join(path, member.name), "Member must not be null");
        }
      }
      break;
    case Shape::Kind::kDouble:
    case Shape::Kind::kBoolean:
    case Shape::Kind::kTimestamp:
      break;
  }
}

Status Checker::status() const {
  if (violations_.empty()) return {};
  std::string text = std::to_string(violations_.size()) + " validation error" +
                     (violations_.size() == 1 ? "" : "s") + " detected: ";
  for (size_t i = 0; i < violations_.size(); ++i) text += (i == 0 ? "" : "; ") + violations_[i];
  return InvalidArgument(text);
}

}  // namespace

Result<json::Value> ReadTyped(const Shape& shape, const json::Value& value) {
  return Typed(shape, value, "");
}

Status CheckConstraints(const Shape& shape, const json::Value& value) {
  Checker checker;
  checker.Check(shape, value, "");
  return checker.status();
}

}  // namespace kedge::server
