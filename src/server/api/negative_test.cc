// Negative cases made from the descriptions: for every constraint of every operation one request
// that violates this constraint and, where possible, no other. Each must be refused as AWS does.
// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <gtest/gtest.h>

#include "server/schema/pattern.h"
#include "server/testing/test_server.h"

namespace kedge::server {
namespace {

// A value that passes every constraint of the shape; optional members only if `all`.
json::Value Valid(const Shape& shape, bool all);

std::string ValidText(const Shape& shape) {
  if (!shape.enumeration.empty()) return shape.enumeration.front();
  if (shape.pattern != nullptr) return shape.example;
  return std::string(static_cast<size_t>(std::max<int64_t>(shape.min.value_or(1), 1)), 'x');
}

json::Value Valid(const Shape& shape, bool all) {
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
    case Shape::Kind::kList:
      return json::Array{Valid(*shape.element, all)};
    case Shape::Kind::kStructure:
      break;
  }
  json::Object object;
  for (const Shape::Member& member : shape.members) {
    if (member.required || all) object.Set(member.name, Valid(*member.shape, all));
  }
  return object;
}

struct Violation {
  std::string name;  // "DeviceFleetName: too long"
  json::Value value;
  const char* words;  // in the message
};

// Texts to try against a pattern.
constexpr const char* kOdd[] = {"_", "é", "a b", "-", "\n", "#", "a_", "!", "\xE2\x82\xAC", ""};

void TextViolations(const Shape& shape, std::vector<Violation>& out) {
  if (!shape.enumeration.empty())
    out.push_back({"not in the enum", "NOT-A-VALUE", "enum value set"});
  if (shape.min.value_or(0) > 0) out.push_back({"too short", "", "greater than or equal"});
  if (shape.max) {
    out.push_back(
        {"too long", std::string(static_cast<size_t>(*shape.max) + 1, 'a'), "less than or equal"});
  }
  if (shape.pattern == nullptr) return;
  for (const char* odd : kOdd) {
    if (shape.pattern->MatchesAll(odd)) continue;
    out.push_back({"against the pattern", odd, "regular expression pattern"});
    return;
  }
}

// Violations of the shape itself, not of what it holds.
std::vector<Violation> OwnViolations(const Shape& shape) {
  std::vector<Violation> out;
  if (shape.kind == Shape::Kind::kString) TextViolations(shape, out);
  if (shape.kind == Shape::Kind::kInteger || shape.kind == Shape::Kind::kLong) {
    if (shape.min) out.push_back({"too small", *shape.min - 1, "greater than or equal"});
    if (shape.max) out.push_back({"too large", *shape.max + 1, "less than or equal"});
  }
  if (shape.kind == Shape::Kind::kList) {
    if (shape.min.value_or(0) > 0)
      out.push_back({"too few", json::Array{}, "greater than or equal"});
    if (shape.max) {
      json::Array many;
      for (int64_t i = 0; i <= *shape.max; ++i) many.push_back(Valid(*shape.element, false));
      out.push_back({"too many", std::move(many), "less than or equal"});
    }
  }
  return out;
}

// Every violation of the shape and of what is in it, as whole values of the shape.
std::vector<Violation> AllViolations(const Shape& shape) {
  std::vector<Violation> out = OwnViolations(shape);
  if (shape.kind == Shape::Kind::kList) {
    for (Violation& inner : AllViolations(*shape.element)) {
      out.push_back({"[] " + inner.name, json::Array{std::move(inner.value)}, inner.words});
    }
  }
  if (shape.kind != Shape::Kind::kStructure) return out;
  for (const Shape::Member& member : shape.members) {
    if (member.required) {
      json::Value without = Valid(shape, false);
      without.AsObject()->Erase(member.name);
      out.push_back({member.name + ": absent", std::move(without), "must not be null"});
    }
    for (Violation& inner : AllViolations(*member.shape)) {
      json::Value with = Valid(shape, false);
      with.AsObject()->Set(member.name, std::move(inner.value));
      out.push_back({member.name + ": " + inner.name, std::move(with), inner.words});
    }
  }
  return out;
}

TEST(Negative, EveryConstraintOfEveryOperationIsEnforced) {
  auto server = TestServer::Make();
  ASSERT_TRUE(server) << server.error().message;
  size_t cases = 0;
  for (const auto& operation : (*server)->catalogue().operations()) {
    for (const Violation& violation : AllViolations(operation->input)) {
      SCOPED_TRACE(operation->name + " " + violation.name);
      const Answer answer = (*server)->Call(operation->name, json::Write(violation.value));
      EXPECT_EQ(answer.status, 400);
      EXPECT_EQ(answer.error, "ValidationException");
      EXPECT_NE(answer.message.find("validation error"), std::string::npos) << answer.message;
      EXPECT_NE(answer.message.find(violation.words), std::string::npos) << answer.message;
      ++cases;
    }
  }
  RecordProperty("cases", static_cast<int>(cases));
  EXPECT_GT(cases, 400u);
}

TEST(Negative, EveryMemberOfTheWrongTypeIsASerializationException) {
  auto server = TestServer::Make();
  ASSERT_TRUE(server) << server.error().message;
  for (const auto& operation : (*server)->catalogue().operations()) {
    for (const Shape::Member& member : operation->input.members) {
      SCOPED_TRACE(operation->name + " " + member.name);
      json::Value body = Valid(operation->input, false);
      const bool is_list = member.shape->kind == Shape::Kind::kList;
      body.AsObject()->Set(member.name, is_list ? json::Value(true) : json::Value(json::Array{}));
      const Answer answer = (*server)->Call(operation->name, json::Write(body));
      EXPECT_EQ(answer.status, 400);
      EXPECT_EQ(answer.error, "SerializationException");
    }
  }
}

// The generated requests are sound: what is made to be valid is not refused by validation. (It may
// be refused for what it names.)
TEST(Negative, WhatIsMadeToBeValidPassesValidation) {
  auto server = TestServer::Make();
  ASSERT_TRUE(server) << server.error().message;
  for (const auto& operation : (*server)->catalogue().operations()) {
    for (const bool all : {false, true}) {
      SCOPED_TRACE(operation->name + (all ? " with all members" : ""));
      const Answer answer =
          (*server)->Call(operation->name, json::Write(Valid(operation->input, all)));
      EXPECT_EQ(answer.message.find("validation error"), std::string::npos) << answer.message;
      EXPECT_NE(answer.error, "SerializationException");
      EXPECT_LT(answer.status, 500) << answer.message;
    }
  }
}

}  // namespace
}  // namespace kedge::server
