// Reading a validated request: members have the right types, so reading cannot fail; a member that
// is optional in the description is optional here.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json/json.h"

namespace kedge::server {

class Input {
 public:
  // Borrows the value.
  explicit Input(const json::Value& value) : value_(value) {}
  std::string Text(std::string_view member) const { return value_.StringOr(member, ""); }
  std::optional<std::string> TextOrNone(std::string_view member) const;
  int64_t Integer(std::string_view member, int64_t other) const {
    return value_.IntOr(member, other);
  }
  bool Flag(std::string_view member) const { return value_.BoolOr(member, false); }
  std::optional<EpochMs> Time(std::string_view member) const;
  std::vector<std::string> Texts(std::string_view member) const;
  // Null if absent.
  const json::Value* Find(std::string_view member) const { return value_.Find(member); }
  // The elements of a list; none if absent.
  const json::Array& List(std::string_view member) const;
  // The member as JSON text, "" if absent.
  std::string JsonText(std::string_view member) const;
  const json::Value& value() const { return value_; }

 private:
  const json::Value& value_;
};

// A stored JSON text as a value again, null for "".
json::Value FromText(const std::string& text);
// Sets the member if there is a value.
void SetIf(json::Object& object, std::string_view member, const std::optional<std::string>& text);

}  // namespace kedge::server
