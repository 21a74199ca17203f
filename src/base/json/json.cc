// SPDX-License-Identifier: Apache-2.0
#include "base/json/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace kedge::json {

Object::Object() = default;
Object::~Object() = default;
Object::Object(const Object&) = default;
Object::Object(Object&&) noexcept = default;
Object& Object::operator=(const Object&) = default;
Object& Object::operator=(Object&&) noexcept = default;
Object::Object(std::initializer_list<Member> members) : members_(members) {}

const Value* Object::Find(std::string_view name) const {
  for (size_t i = members_.size(); i-- > 0;) {
    if (members_[i].first == name) return &members_[i].second;
  }
  return nullptr;
}

Value* Object::Find(std::string_view name) {
  return const_cast<Value*>(std::as_const(*this).Find(name));
}

void Object::Set(std::string_view name, Value value) {
  if (Value* found = Find(name)) {
    *found = std::move(value);
  } else {
    Append(std::string(name), std::move(value));
  }
}

void Object::Append(std::string name, Value value) {
  members_.push_back({std::move(name), std::move(value)});
}

void Object::Reserve(size_t members) { members_.reserve(members); }

bool Object::Erase(std::string_view name) {
  const auto removed =
      std::erase_if(members_, [&](const Member& member) { return member.first == name; });
  return removed > 0;
}

Value::Value(uint64_t value) {
  if (value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    storage_ = static_cast<int64_t>(value);
  } else {
    storage_ = static_cast<double>(value);
  }
}

double Value::NumberOr(double other) const {
  if (const int64_t* number = AsInt()) return static_cast<double>(*number);
  if (const double* number = AsDouble()) return *number;
  return other;
}

std::string_view Value::KindName() const {
  static constexpr std::string_view kNames[] = {"null",   "boolean", "number", "number",
                                                "string", "array",   "object"};
  return kNames[storage_.index()];
}

const Value* Value::Find(std::string_view name) const {
  const Object* object = AsObject();
  return object == nullptr ? nullptr : object->Find(name);
}

std::string Value::StringOr(std::string_view name, std::string_view other) const {
  const Value* member = Find(name);
  const std::string* text = member == nullptr ? nullptr : member->AsString();
  return text == nullptr ? std::string(other) : *text;
}

int64_t Value::IntOr(std::string_view name, int64_t other) const {
  const Value* member = Find(name);
  const int64_t* number = member == nullptr ? nullptr : member->AsInt();
  return number == nullptr ? other : *number;
}

bool Value::BoolOr(std::string_view name, bool other) const {
  const Value* member = Find(name);
  const bool* flag = member == nullptr ? nullptr : member->AsBool();
  return flag == nullptr ? other : *flag;
}

bool operator==(const Value& a, const Value& b) {
  if (a.storage_.index() != b.storage_.index()) return false;
  if (const Object* object = a.AsObject()) return object->members() == b.AsObject()->members();
  if (const Array* array = a.AsArray()) return *array == *b.AsArray();
  if (const std::string* text = a.AsString()) return *text == *b.AsString();
  if (const double* number = a.AsDouble()) return *number == *b.AsDouble();
  if (const int64_t* number = a.AsInt()) return *number == *b.AsInt();
  if (const bool* flag = a.AsBool()) return *flag == *b.AsBool();
  return true;
}

namespace {

// Bytes of the UTF-8 sequence at text[at], or 0 if it is malformed (overlong forms and surrogates
// included).
size_t Utf8Length(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(at);
  if (first < 0x80) return 1;
  size_t n = 0;
  uint32_t low = 0;
  if (first >= 0xC2 && first <= 0xDF) n = 2, low = 0x80;
  if (first >= 0xE0 && first <= 0xEF) n = 3, low = 0x800;
  if (first >= 0xF0 && first <= 0xF4) n = 4, low = 0x10000;
  if (n == 0 || at + n > text.size()) return 0;
  uint32_t code = first & (0x7Fu >> n);
  for (size_t i = 1; i < n; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
    code = code << 6 | (byte(at + i) & 0x3Fu);
  }
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  return code < low || code > 0x10FFFF || surrogate ? 0 : n;
}

void AppendNumber(double number, std::string& out) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  char text[40];
  const auto [end, error] = std::to_chars(text, text + sizeof text, number);
  KEDGE_CHECK(error == std::errc());
  std::string_view digits(text, static_cast<size_t>(end - text));
  out += digits;
  // Keep a double a double when it is read back.
  if (digits.find_first_of(".en") == std::string_view::npos) out += ".0";
}

struct Style {
  bool pretty = false;
  bool sorted = false;
};

class Writer {
 public:
  Writer(Style style, std::string& out) : style_(style), out_(out) {}

  void Append(
      const Value& value) {  // NOLINT(misc-no-recursion): depth is bounded by the reader's limit
    if (const bool* flag = value.AsBool()) {
      out_ += *flag ? "true" : "false";
    } else if (const int64_t* integer = value.AsInt()) {
      out_ += std::to_string(*integer);
    } else if (const double* number = value.AsDouble()) {
      AppendNumber(*number, out_);
    } else if (const std::string* text = value.AsString()) {
      AppendQuoted(*text, out_);
    } else if (const Array* array = value.AsArray()) {
      AppendArray(*array);
    } else if (const Object* object = value.AsObject()) {
      AppendObject(*object);
    } else {
      out_ += "null";
    }
  }

 private:
  void AppendArray(const Array& array) {
    out_ += '[';
    ++depth_;
    for (size_t i = 0; i < array.size(); ++i) {
      if (i > 0) out_ += ',';
      BreakLine();
      Append(array[i]);
    }
    --depth_;
    if (!array.empty()) BreakLine();
    out_ += ']';
  }

  void AppendObject(const Object& object) {
    std::vector<const Member*> members;
    members.reserve(object.size());
    for (const Member& member : object) members.push_back(&member);
    if (style_.sorted) {
      std::stable_sort(members.begin(), members.end(),
                       [](auto* a, auto* b) { return a->first < b->first; });
    }
    out_ += '{';
    ++depth_;
    for (size_t i = 0; i < members.size(); ++i) {
      if (i > 0) out_ += ',';
      BreakLine();
      AppendQuoted(members[i]->first, out_);
      out_ += style_.pretty ? ": " : ":";
      Append(members[i]->second);
    }
    --depth_;
    if (!members.empty()) BreakLine();
    out_ += '}';
  }

  void BreakLine() {
    if (!style_.pretty) return;
    out_ += '\n';
    out_.append(static_cast<size_t>(depth_) * 2, ' ');
  }

  Style style_;
  std::string& out_;
  int depth_ = 0;
};

}  // namespace

void AppendQuoted(std::string_view text, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    const size_t n = Utf8Length(text, i);
    if (n == 0) {
      out += "\xEF\xBF\xBD";
      ++i;
    } else if (n > 1) {
      out += text.substr(i, n);
      i += n;
    } else {
      switch (c) {
        case '"':
          out += "\\\"";
          break;
        case '\\':
          out += "\\\\";
          break;
        case '\n':
          out += "\\n";
          break;
        case '\r':
          out += "\\r";
          break;
        case '\t':
          out += "\\t";
          break;
        default:
          if (static_cast<uint8_t>(c) < 0x20 || c == 0x7F) {
            out += "\\u00";
            out += kHex[c >> 4];
            out += kHex[c & 15];
          } else {
            out += c;
          }
      }
      ++i;
    }
  }
  out += '"';
}

std::string Write(const Value& value) {
  std::string out;
  Writer({}, out).Append(value);
  return out;
}

std::string WritePretty(const Value& value) {
  std::string out;
  Writer({.pretty = true}, out).Append(value);
  out += '\n';
  return out;
}

std::string WriteCanonical(const Value& value) {
  std::string out;
  Writer({.sorted = true}, out).Append(value);
  return out;
}

}  // namespace kedge::json
