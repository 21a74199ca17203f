// SPDX-License-Identifier: Apache-2.0
#include "server/testing/violations.h"

#include <algorithm>

#include "server/schema/pattern.h"

namespace kedge::server {
namespace {

constexpr size_t kPatternKindsMax = 5;  // of each pattern

std::string ValidText(const Shape& shape) {
  if (!shape.enumeration.empty()) return shape.enumeration.front();
  if (shape.pattern != nullptr) return shape.example;
  return std::string(static_cast<size_t>(std::max<int64_t>(shape.min.value_or(1), 1)), 'x');
}

std::string FieldName(std::string name) {
  if (!name.empty() && name[0] >= 'A' && name[0] <= 'Z') name[0] += 'a' - 'A';
  return name;
}

std::string Words(const char* what, const char* side, int64_t limit) {
  return std::string(what) + " " + side + " than or equal to " + std::to_string(limit);
}

void AddPatternViolations(const Shape& shape, std::vector<Violation>& out) {
  // What people and attackers really send in a name.
  const std::string candidates[] = {"_",
                                    "-",
                                    " ",
                                    "a b",
                                    "a_",
                                    "a-",
                                    "-a",
                                    "\xC3\xA9",
                                    "a\n",
                                    "\n",
                                    "#",
                                    "a/../b",
                                    "a'b",
                                    "a\"b",
                                    "<b>",
                                    "a\x7F",
                                    "\xE2\x82\xAC",
                                    "%00",
                                    shape.example + "\n",
                                    "!",
                                    "{}"};
  size_t kinds = 0;
  for (const std::string& text : candidates) {
    const auto length = static_cast<int64_t>(text.size());
    if (kinds == kPatternKindsMax) break;
    if (length < shape.min.value_or(0) || length > shape.max.value_or(length)) continue;
    if (shape.pattern->MatchesAll(text)) continue;
    out.push_back({"against the pattern: " + text, text, "", "regular expression pattern"});
    ++kinds;
  }
}

void AddTextViolations(const Shape& shape, std::vector<Violation>& out) {
  if (!shape.enumeration.empty()) {
    const std::string& first = shape.enumeration.front();
    std::string other_case = first;
    for (char& c : other_case) {
      c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    for (const std::string& text : {std::string("NOT-A-VALUE"), other_case, first + " ",
                                    std::string(), first + "," + shape.enumeration.back()}) {
      out.push_back({"not in the enum: " + text, text, "", "enum value set: [" + first});
    }
  }
  if (shape.min.value_or(0) > 0) {
    const auto length = static_cast<size_t>(*shape.min - 1);
    out.push_back({"too short", ValidText(shape).substr(0, length), "",
                   Words("length", "greater", *shape.min)});
    if (length > 0) out.push_back({"empty", "", "", Words("length", "greater", *shape.min)});
  }
  if (!shape.max) return;
  for (const int64_t length : {*shape.max + 1, *shape.max * 2 + 100}) {
    out.push_back({"of " + std::to_string(length) + " characters",
                   std::string(static_cast<size_t>(length), 'a'), "",
                   Words("length", "less", *shape.max)});
  }
  // Characters count, not bytes.
  std::string wide;
  for (int64_t i = 0; i <= *shape.max; ++i) wide += "\xC3\xA9";
  out.push_back({"too long, in wide characters", wide, "", Words("length", "less", *shape.max)});
}

void AddNumberViolations(const Shape& shape, std::vector<Violation>& out) {
  const auto add = [&](const char* side, int64_t limit, int64_t value) {
    out.push_back({std::to_string(value), value, "", Words("value", side, limit)});
  };
  if (shape.min) {
    add("greater", *shape.min, *shape.min - 1);
    add("greater", *shape.min, INT32_MIN);
  }
  if (shape.max) {
    add("less", *shape.max, *shape.max + 1);
    add("less", *shape.max, INT32_MAX);
  }
}

void AddSizeViolations(const Shape& shape, std::vector<Violation>& out) {
  const auto list = [&](int64_t size) {
    json::Array array;
    for (int64_t i = 0; i < size; ++i) array.push_back(ValidValue(*shape.element, false));
    return array;
  };
  if (shape.min.value_or(0) > 0) {
    out.push_back({"too few", list(*shape.min - 1), "", Words("length", "greater", *shape.min)});
  }
  if (shape.max) {
    out.push_back({"too many", list(*shape.max + 1), "", Words("length", "less", *shape.max)});
  }
}

void AddMapViolations(const Shape& shape, std::vector<Violation>& out) {
  json::Object many;
  for (int64_t i = 0; i <= shape.max.value_or(0); ++i) {
    many.Set(ValidText(*shape.key) + std::to_string(i), ValidValue(*shape.element, false));
  }
  if (shape.max)
    out.push_back({"too many", std::move(many), "", Words("length", "less", *shape.max)});
  out.push_back({"a key against the pattern",
                 json::Object{{"a b", ValidValue(*shape.element, false)}}, "",
                 "Map keys must satisfy constraint: [Member must satisfy regular expression"});
  if (shape.element->max) {
    const std::string text(static_cast<size_t>(*shape.element->max + 1), 'a');
    out.push_back({"a value too long", json::Object{{ValidText(*shape.key), text}}, "",
                   "Map value must satisfy constraint: [Member must have length"});
  }
}

// Violations of the shape itself, not of what it holds.
std::vector<Violation> OwnViolations(const Shape& shape) {
  std::vector<Violation> out;
  switch (shape.kind) {
    case Shape::Kind::kString:
      AddTextViolations(shape, out);
      if (shape.pattern != nullptr) AddPatternViolations(shape, out);
      break;
    case Shape::Kind::kInteger:
    case Shape::Kind::kLong:
      AddNumberViolations(shape, out);
      break;
    case Shape::Kind::kList:
      AddSizeViolations(shape, out);
      break;
    case Shape::Kind::kMap:
      AddMapViolations(shape, out);
      break;
    case Shape::Kind::kDouble:
    case Shape::Kind::kBoolean:
    case Shape::Kind::kTimestamp:
    case Shape::Kind::kStructure:
      break;
  }
  return out;
}

std::vector<Violation> WrongTypes(const Shape& shape) {
  const json::Value values[] = {true, 7, 7.5, "7", json::Array{}, json::Object{}};
  const auto fits = [&](const json::Value& value) {
    switch (shape.kind) {
      case Shape::Kind::kString:
        return value.AsString() != nullptr;
      case Shape::Kind::kInteger:
      case Shape::Kind::kLong:
        return value.AsInt() != nullptr;
      case Shape::Kind::kDouble:
      case Shape::Kind::kTimestamp:
        return value.IsNumber();
      case Shape::Kind::kBoolean:
        return value.AsBool() != nullptr;
      case Shape::Kind::kList:
        return value.AsArray() != nullptr;
      case Shape::Kind::kMap:
      case Shape::Kind::kStructure:
        break;
    }
    return value.AsObject() != nullptr;
  };
  std::vector<Violation> out;
  for (const json::Value& value : values) {
    if (!fits(value))
      out.push_back({"a " + std::string(value.KindName()), value, "", "expected a"});
  }
  return out;
}

std::string Join(const std::string& head, const std::string& rest) {
  return rest.empty() ? head : head + "." + rest;
}

// `own` gives the violations of one shape; the result has those of all that is in it too.
template <class Own>
std::vector<Violation> Everywhere(const Shape& shape, bool is_root, Own own) {
  std::vector<Violation> out;
  if (!is_root) out = own(shape);
  if (shape.kind == Shape::Kind::kList) {
    for (Violation& inner : Everywhere(*shape.element, false, own)) {
      out.push_back({"[] " + inner.name, json::Array{std::move(inner.value)},
                     Join("1.member", inner.path), inner.words});
    }
  }
  if (shape.kind != Shape::Kind::kStructure) return out;
  for (const Shape::Member& member : shape.members) {
    for (Violation& inner : Everywhere(*member.shape, false, own)) {
      json::Value with = ValidValue(shape, false);
      with.AsObject()->Set(member.name, std::move(inner.value));
      out.push_back({member.name + ": " + inner.name, std::move(with),
                     Join(FieldName(member.name), inner.path), inner.words});
    }
  }
  return out;
}

// Required members of a structure that are absent, or null.
void AddAbsences(const Shape& shape, std::vector<Violation>& out) {
  for (const Shape::Member& member : shape.members) {
    if (!member.required) continue;
    for (const bool is_null : {false, true}) {
      json::Value without = ValidValue(shape, false);
      without.AsObject()->Erase(member.name);
      if (is_null) without.AsObject()->Set(member.name, nullptr);
      out.push_back({member.name + (is_null ? ": null" : ": absent"), std::move(without),
                     FieldName(member.name), "must not be null"});
    }
  }
}

}  // namespace

json::Value ValidValue(const Shape& shape, bool all) {
  switch (shape.kind) {
    case Shape::Kind::kString:
      return ValidText(shape);
    case Shape::Kind::kInteger:
    case Shape::Kind::kLong:
      return shape.min.value_or(1);
    case Shape::Kind::kBoolean:
      return true;
    case Shape::Kind::kDouble:
    case Shape::Kind::kTimestamp:
      return 1.5;
    case Shape::Kind::kList: {
      json::Array array;
      for (int64_t i = 0; i < std::max<int64_t>(shape.min.value_or(1), 1); ++i) {
        array.push_back(ValidValue(*shape.element, all));
      }
      return array;
    }
    case Shape::Kind::kMap:
      return json::Object{{ValidText(*shape.key), ValidValue(*shape.element, all)}};
    case Shape::Kind::kStructure:
      break;
  }
  json::Object object;
  for (const Shape::Member& member : shape.members) {
    if (member.required || all) object.Set(member.name, ValidValue(*member.shape, all));
  }
  return object;
}

std::vector<Violation> ConstraintViolations(const Shape& shape) {
  const auto own = [](const Shape& inner) {
    std::vector<Violation> out = OwnViolations(inner);
    if (inner.kind == Shape::Kind::kStructure) AddAbsences(inner, out);
    return out;
  };
  std::vector<Violation> out = Everywhere(shape, true, own);
  AddAbsences(shape, out);
  return out;
}

std::vector<Violation> TypeViolations(const Shape& shape) {
  return Everywhere(shape, true, WrongTypes);
}

}  // namespace kedge::server
