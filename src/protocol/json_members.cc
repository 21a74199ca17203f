// SPDX-License-Identifier: Apache-2.0
#include "protocol/json_members.h"

#include <cmath>

namespace kedge::protocol {

namespace {
// Beyond the year 9999 nothing sensible is meant, and milliseconds stay far from overflow.
constexpr double kEpochSecondsMax = 253'402'300'799.0;
}  // namespace

ObjectReader::ObjectReader(const json::Value& value, std::string path)
    : value_(value), path_(std::move(path)) {
  if (value_.AsObject() == nullptr)
    Fail("", "is of kind " + std::string(value_.KindName()) + ", not object");
}

std::string ObjectReader::PathOf(std::string_view name) const {
  if (path_.empty()) return std::string(name);
  return name.empty() ? path_ : path_ + "." + std::string(name);
}

void ObjectReader::Fail(std::string_view name, std::string_view problem) {
  if (error_.has_value()) return;
  const std::string path = PathOf(name);
  error_ = InvalidArgument((path.empty() ? "the message" : "member " + path) + " " +
                           std::string(problem));
}

void ObjectReader::Take(const ObjectReader& inner) {
  if (!error_.has_value()) error_ = inner.error_;
}

Status ObjectReader::status() const {
  if (error_.has_value()) return *error_;
  return {};
}

const json::Value* ObjectReader::FindMember(std::string_view name) {
  if (failed()) return nullptr;
  const json::Value* member = value_.Find(name);
  return member == nullptr || member->is_null() ? nullptr : member;
}

std::string ObjectReader::String(std::string_view name, bool required) {
  const json::Value* member = FindMember(name);
  if (member == nullptr) {
    if (required) Fail(name, "is missing");
    return {};
  }
  if (member->AsString() == nullptr) {
    Fail(name, "is of kind " + std::string(member->KindName()) + ", not string");
    return {};
  }
  if (required && member->AsString()->empty()) Fail(name, "is empty");
  return *member->AsString();
}

std::optional<EpochMs> ObjectReader::Time(std::string_view name) {
  const json::Value* member = FindMember(name);
  if (member == nullptr) return std::nullopt;
  const double seconds = member->NumberOr(-1);
  if (!member->IsNumber() || !(seconds >= 0 && seconds <= kEpochSecondsMax)) {
    Fail(name, "is not a time in epoch seconds");
    return std::nullopt;
  }
  return static_cast<EpochMs>(std::llround(seconds * 1000));
}

double ObjectReader::Number(std::string_view name) {
  const json::Value* member = FindMember(name);
  if (member == nullptr) return 0;
  if (!member->IsNumber())
    Fail(name, "is of kind " + std::string(member->KindName()) + ", not number");
  return member->NumberOr(0);
}

int64_t ObjectReader::Integer(std::string_view name, int64_t min, int64_t max) {
  const json::Value* member = FindMember(name);
  if (member == nullptr) return 0;
  const int64_t* number = member->AsInt();
  if (number == nullptr || *number < min || *number > max) {
    Fail(name, "is no whole number from " + std::to_string(min) + " to " + std::to_string(max));
    return 0;
  }
  return *number;
}

const json::Array* ObjectReader::FindArray(std::string_view name, size_t count_max) {
  const json::Value* member = FindMember(name);
  if (member == nullptr) return nullptr;
  const json::Array* elements = member->AsArray();
  if (elements == nullptr) {
    Fail(name, "is of kind " + std::string(member->KindName()) + ", not array");
  } else if (elements->size() > count_max) {
    Fail(name, "has " + std::to_string(elements->size()) + " entries, at most " +
                   std::to_string(count_max) + " are taken");
    return nullptr;
  }
  return elements;
}

}  // namespace kedge::protocol
