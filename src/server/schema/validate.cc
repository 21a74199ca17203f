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

// Where a value stands in the request. A chain of links on the stack: only what is wrong is spelled
// out.
struct Place {
  const Place* parent = nullptr;      // null: the request itself
  const std::string* name = nullptr;  // of a member; null: an element of a list
  size_t index = 0;                   // of an element
};

std::string Text(const Place& place) {
  if (place.parent == nullptr) return "";
  const std::string path = Text(*place.parent);
  // AWS counts list members from 1.
  if (place.name == nullptr) return path + "." + std::to_string(place.index + 1) + ".member";
  return path.empty() ? FieldName(*place.name) : path + "." + FieldName(*place.name);
}

Error WrongType(const Place& place, std::string_view want, const json::Value& value) {
  const std::string path = Text(place);
  return InvalidArgument("expected a " + std::string(want) +
                         (path.empty() ? "" : " at '" + path + "'") + ", got a " +
                         std::string(value.KindName()));
}

Result<json::Value> Typed(const Shape& shape, json::Value value, const Place& place);

Result<json::Value> TypedStructure(const Shape& shape, json::Value& value, const Place& place) {
  if (value.AsObject() == nullptr) return WrongType(place, "object", value);
  json::Object object;
  object.Reserve(value.AsObject()->size());
  for (const Shape::Member& member : shape.members) {
    json::Value* found = value.AsObject()->Find(member.name);
    if (found == nullptr || found->is_null()) continue;
    KEDGE_TRY(json::Value typed, Typed(*member.shape, std::move(*found), {&place, &member.name}));
    object.Append(member.name, std::move(typed));
  }
  return json::Value(std::move(object));
}

// Any member may stand there; each value has the one shape.
Result<json::Value> TypedMap(const Shape& shape, json::Value& value, const Place& place) {
  if (value.AsObject() == nullptr) return WrongType(place, "object", value);
  for (json::Member& member : value.AsObject()->members()) {
    KEDGE_TRY(member.second,
              Typed(*shape.element, std::move(member.second), {&place, &member.first}));
  }
  return std::move(value);
}

Result<json::Value> TypedList(const Shape& shape, json::Value& value, const Place& place) {
  if (value.AsArray() == nullptr) return WrongType(place, "list", value);
  json::Array& array = *value.AsArray();
  for (size_t i = 0; i < array.size(); ++i) {
    KEDGE_TRY(array[i], Typed(*shape.element, std::move(array[i]), {&place, nullptr, i}));
  }
  return std::move(value);
}

Result<json::Value> Typed(const Shape& shape, json::Value value, const Place& place) {
  switch (shape.kind) {
    case Shape::Kind::kStructure:
      return TypedStructure(shape, value, place);
    case Shape::Kind::kMap:
      return TypedMap(shape, value, place);
    case Shape::Kind::kList:
      return TypedList(shape, value, place);
    case Shape::Kind::kString:
      if (value.AsString() == nullptr) return WrongType(place, "string", value);
      return value;
    case Shape::Kind::kBoolean:
      if (value.AsBool() == nullptr) return WrongType(place, "boolean", value);
      return value;
    case Shape::Kind::kInteger:
      if (value.AsInt() == nullptr || *value.AsInt() > INT32_MAX || *value.AsInt() < INT32_MIN) {
        return WrongType(place, "32-bit integer", value);
      }
      return value;
    case Shape::Kind::kLong:
      if (value.AsInt() == nullptr) return WrongType(place, "64-bit integer", value);
      return value;
    case Shape::Kind::kDouble:
      if (!value.IsNumber()) return WrongType(place, "number", value);
      return value;
    case Shape::Kind::kTimestamp:
      break;
  }
  if (!value.IsNumber() || !(std::abs(value.NumberOr(0)) <= kTimestampMax)) {
    return WrongType(place, "timestamp (a number of seconds since the epoch)", value);
  }
  return value;
}

// Collects what is wrong with a value.
class Checker {
 public:
  void Check(const Shape& shape, const json::Value& value, const Place& place);
  Status status() const;
  // The constraints alone, joined: how a map tells of its keys and values.
  std::string Constraints() const;

 private:
  void CheckText(const Shape& shape, const json::Value& value, const Place& place);
  void CheckMap(const Shape& shape, const json::Value& value, const Place& place);
  void CheckSize(const Shape& shape, int64_t size, std::string_view noun, const json::Value& value,
                 const Place& place);
  void Add(const json::Value* value, const Place& place, const std::string& constraint);

  std::vector<std::string> violations_;
  std::vector<std::string> constraints_;
};

int64_t Characters(std::string_view text) {  // code points: continuation bytes do not count
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

void Checker::Add(const json::Value* value, const Place& place, const std::string& constraint) {
  if (violations_.size() >= kViolationsMax) return;
  std::string shown = "null";
  if (value != nullptr) {
    shown = value->AsString() != nullptr ? *value->AsString() : json::Write(*value);
    if (shown.size() > kShownBytesMax) shown = shown.substr(0, kShownBytesMax) + "...";
    shown = "'" + shown + "'";
  }
  violations_.push_back("Value " + shown + " at '" + Text(place) +
                        "' failed to satisfy constraint: " + constraint);
  constraints_.push_back(constraint);
}

void Checker::CheckSize(const Shape& shape, int64_t size, std::string_view noun,
                        const json::Value& value, const Place& place) {
  const bool too_small = shape.min && size < *shape.min;
  const bool too_large = shape.max && size > *shape.max;
  if (!too_small && !too_large) return;
  const std::string must = "Member must have " + std::string(noun);
  if (too_small) {
    Add(&value, place, must + " greater than or equal to " + std::to_string(*shape.min));
  }
  if (too_large) {
    Add(&value, place, must + " less than or equal to " + std::to_string(*shape.max));
  }
}

void Checker::CheckText(const Shape& shape, const json::Value& value, const Place& place) {
  const std::string& text = *value.AsString();
  CheckSize(shape, Characters(text), "length", value, place);
  const auto& values = shape.enumeration;
  if (!values.empty() && std::find(values.begin(), values.end(), text) == values.end()) {
    std::string set;
    for (const std::string& one : values) set += (set.empty() ? "" : ", ") + one;
    Add(&value, place, "Member must satisfy enum value set: [" + set + "]");
  }
  if (shape.pattern != nullptr && !shape.pattern->MatchesAll(text)) {
    Add(&value, place, "Member must satisfy regular expression pattern: " + shape.pattern->text());
  }
}

std::string Checker::Constraints() const {
  std::string text;
  for (const std::string& one : constraints_) text += (text.empty() ? "" : ", ") + one;
  return text;
}

void Checker::CheckMap(const Shape& shape, const json::Value& value, const Place& place) {
  CheckSize(shape, static_cast<int64_t>(value.AsObject()->size()), "length", value, place);
  for (const auto& [name, member] : *value.AsObject()) {
    Checker keys;
    keys.Check(*shape.key, json::Value(name), place);
    if (const std::string text = keys.Constraints(); !text.empty()) {
      Add(&value, place, "Map keys must satisfy constraint: [" + text + "]");
    }
    Checker values;
    values.Check(*shape.element, member, place);
    if (const std::string text = values.Constraints(); !text.empty()) {
      Add(&value, place, "Map value must satisfy constraint: [" + text + "]");
    }
  }
}

void Checker::Check(const Shape& shape, const json::Value& value, const Place& place) {
  switch (shape.kind) {
    case Shape::Kind::kString:
      CheckText(shape, value, place);
      break;
    case Shape::Kind::kInteger:
    case Shape::Kind::kLong:
      CheckSize(shape, *value.AsInt(), "value", value, place);
      break;
    case Shape::Kind::kList:
      CheckSize(shape, static_cast<int64_t>(value.AsArray()->size()), "length", value, place);
      for (size_t i = 0; i < value.AsArray()->size(); ++i) {
        Check(*shape.element, (*value.AsArray())[i], {&place, nullptr, i});
      }
      break;
    case Shape::Kind::kMap:
      CheckMap(shape, value, place);
      break;
    case Shape::Kind::kStructure:
      for (const Shape::Member& member : shape.members) {
        const json::Value* found = value.Find(member.name);
        if (found != nullptr) {
          Check(*member.shape, *found, {&place, &member.name});
        } else if (member.required) {
          Add(nullptr, {&place, &member.name}, "Member must not be null");
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

Result<json::Value> ReadTyped(const Shape& shape, json::Value value) {
  return Typed(shape, std::move(value), {});
}

Status CheckConstraints(const Shape& shape, const json::Value& value) {
  Checker checker;
  checker.Check(shape, value, {});
  return checker.status();
}

}  // namespace kedge::server
