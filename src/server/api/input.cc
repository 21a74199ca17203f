// SPDX-License-Identifier: Apache-2.0
#include "server/api/input.h"

#include <cmath>

namespace kedge::server {

std::optional<std::string> Input::TextOrNone(std::string_view member) const {
  const json::Value* found = value_.Find(member);
  if (found == nullptr || found->AsString() == nullptr) return std::nullopt;
  return *found->AsString();
}

std::optional<EpochMs> Input::Time(std::string_view member) const {
  const json::Value* found = value_.Find(member);
  if (found == nullptr || !found->IsNumber()) return std::nullopt;
  return static_cast<EpochMs>(std::llround(found->NumberOr(0) * 1000.0));
}

std::vector<std::string> Input::Texts(std::string_view member) const {
  std::vector<std::string> texts;
  for (const json::Value& item : List(member)) {
    if (item.AsString() != nullptr) texts.push_back(*item.AsString());
  }
  return texts;
}

const json::Array& Input::List(std::string_view member) const {
  static const json::Array kEmpty;
  const json::Value* found = value_.Find(member);
  return found == nullptr || found->AsArray() == nullptr ? kEmpty : *found->AsArray();
}

std::string Input::JsonText(std::string_view member) const {
  const json::Value* found = value_.Find(member);
  return found == nullptr ? std::string() : json::Write(*found);
}

json::Value FromText(const std::string& text) {
  if (text.empty()) return nullptr;
  return json::Parse(text).value_or(nullptr);
}

void SetIf(json::Object& object, std::string_view member, const std::optional<std::string>& text) {
  if (text) object.Set(member, *text);
}

}  // namespace kedge::server
