// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "server/schema/catalogue.h"
#include "server/schema/pattern.h"
#include "server/schema/validate.h"

namespace kedge::server {
namespace {

constexpr std::string_view kText = R"({
  "service": "test", "target_prefix": "Test",
  "shapes": {
    "Name": {"type": "string", "min": 1, "max": 5, "pattern": "[a-z]+", "example": "a"},
    "Color": {"type": "string", "enum": ["RED", "BLUE"]},
    "Count": {"type": "integer", "min": 1, "max": 10},
    "Names": {"type": "list", "of": "Name", "min": 1, "max": 2},
    "Inner": {"type": "structure", "members": {"Name": {"shape": "Name", "required": true}, "Color": {"shape": "Color"}}},
    "Inners": {"type": "list", "of": "Inner"}
  },
  "operations": {
    "Do": {"docs": "Does.", "access": "operator", "errors": ["ResourceNotFound"], "output": null, "input": {
      "ItemName": {"shape": "Name", "required": true}, "Count": {"shape": "Count"}, "Names": {"shape": "Names"},
      "Inner": {"shape": "Inner"}, "Inners": {"shape": "Inners"}, "When": {"shape": "timestamp"},
      "Flag": {"shape": "boolean"}, "Ratio": {"shape": "double"}, "Big": {"shape": "long"}}},
    "Post": {"docs": "Posts.", "path": "/Post", "access": "device", "input": {}}
  }})";

Catalogue Load(std::string_view text) {
  const EmbeddedFile files[] = {{"test.json", text}};
  auto catalogue = Catalogue::Load(files);
  EXPECT_TRUE(catalogue) << catalogue.error().message;
  return std::move(*catalogue);
}

TEST(Catalogue, FindsOperationsByTargetAndByPath) {
  const Catalogue catalogue = Load(kText);
  ASSERT_NE(catalogue.FindByTarget("Test.Do"), nullptr);
  EXPECT_TRUE(catalogue.FindByTarget("Test.Do")->Names("ResourceNotFound"));
  EXPECT_EQ(catalogue.FindByTarget("Test.Do")->access, Role::kOperator);
  EXPECT_TRUE(catalogue.FindByTarget("Test.Do")->mutates);
  EXPECT_EQ(catalogue.FindByTarget("Test.Post"), nullptr);
  ASSERT_NE(catalogue.FindByPath("/Post"), nullptr);
  EXPECT_EQ(catalogue.FindByPath("/Post")->access, Role::kDevice);
  EXPECT_FALSE(catalogue.FindByPath("/Post")->mutates);
}

TEST(Catalogue, RefusesANameThatTwoFilesDefine) {
  const EmbeddedFile shapes[] = {
      {"a.json", R"({"service":"s","shapes":{"A":{"type":"string"}}})"},
      {"b.json", R"({"service":"s","shapes":{"A":{"type":"integer"}}})"}};
  EXPECT_EQ(Catalogue::Load(shapes).error(), InvalidArgument("b.json: 'A': is defined already"));
  constexpr std::string_view kDo =
      R"({"service":"s","operations":{"Do":{"docs":"Does.","access":"viewer","input":{}}}})";
  const EmbeddedFile operations[] = {{"a.json", kDo}, {"b.json", kDo}};
  EXPECT_EQ(Catalogue::Load(operations).error(),
            InvalidArgument("b.json: 'Do': is defined already"));
}

TEST(Catalogue, NamesMistakesInDescriptions) {
  const struct {
    const char* text;
    const char* message;
  } cases[] = {
      {"{}", "test.json: names no service"},
      {R"({"service":"s","shapes":{"A":{"type":"text"}}})",
       "test.json: 'A': has unknown type 'text'"},
      {R"({"service":"s","shapes":{"A":{"type":"string","maximum":3}}})",
       "test.json: 'A': has an unknown member 'maximum'"},
      {R"({"service":"s","shapes":{"A":{"type":"string","pattern":"[a","example":"a"}}})",
       "test.json: 'A': pattern '[a': missing ]: [a"},
      {R"({"service":"s","shapes":{"A":{"type":"string","pattern":"[a]","example":"b"}}})",
       "test.json: 'A': has an example 'b' that its pattern refuses"},
      {R"({"service":"s","shapes":{"A":{"type":"list","of":"B"}}})",
       "test.json: 'A': unknown shape 'B'"},
      {R"({"service":"s","operations":{"Do":{"access":"viewer","input":{}}}})",
       "test.json: 'Do': has no docs"},
      {R"({"service":"s","operations":{"Do":{"docs":"d","input":{},"access":"root"}}})",
       "test.json: 'Do': has no role as its access, but 'root'"},
      {R"({"service":"s","operations":{"Do":{"docs":"d","access":"viewer","input":{},"fleets":"all"}}})",
       "test.json: 'Do': has unknown fleets 'all'"},
      {R"({"service":"s","operations":{"Do":{"docs":"d","access":"viewer","input":{"A":{"shape":"B"}}}}})",
       "test.json: 'Do': member 'A': unknown shape 'B'"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    const EmbeddedFile files[] = {{"test.json", c.text}};
    const auto catalogue = Catalogue::Load(files);
    ASSERT_FALSE(catalogue);
    EXPECT_EQ(catalogue.error(), InvalidArgument(c.message));
  }
}

TEST(Catalogue, DescriptionsOfThisBuildLoad) {
  const auto catalogue = Catalogue::Load(OperationFiles());
  ASSERT_TRUE(catalogue) << catalogue.error().message;
  EXPECT_GE(catalogue->operations().size(), 28u);
}

TEST(Pattern, MatchesTheWholeTextInLinearTime) {
  const auto pattern = Pattern::Compile("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}");
  ASSERT_TRUE(pattern);
  EXPECT_TRUE((*pattern)->MatchesAll("a--b"));
  EXPECT_FALSE((*pattern)->MatchesAll("a-"));
  EXPECT_FALSE((*pattern)->MatchesAll("a\n"));
  EXPECT_FALSE((*pattern)->MatchesAll(""));
  // A backtracking matcher would not come back from this one, or overflow its stack.
  const auto nested = Pattern::Compile("(a*)*b");
  ASSERT_TRUE(nested);
  EXPECT_FALSE((*nested)->MatchesAll(std::string(1 << 20, 'a')));
}

// Types and constraints, in this order.
Status Check(std::string_view body) {
  static const Catalogue kCatalogue = Load(kText);
  const Operation& operation = *kCatalogue.FindByTarget("Test.Do");
  const auto parsed = json::Parse(body);
  EXPECT_TRUE(parsed) << body;
  KEDGE_TRY(const json::Value typed, ReadTyped(operation.input, *parsed));
  return CheckConstraints(operation.input, typed);
}

TEST(Validate, TellsEveryViolationInAwsWords) {
  const struct {
    const char* body;
    const char* message;
  } cases[] = {
      {"{}",
       "1 validation error detected: Value null at 'itemName' failed to satisfy constraint: Member "
       "must not be null"},
      {R"({"ItemName":null})",
       "1 validation error detected: Value null at 'itemName' failed to satisfy constraint: Member "
       "must not be null"},
      {R"({"ItemName":"abcdef"})",
       "1 validation error detected: Value 'abcdef' at 'itemName' failed to satisfy constraint: "
       "Member must have length less than or equal to 5"},
      {R"({"ItemName":""})",
       "2 validation errors detected: Value '' at 'itemName' failed to satisfy constraint: Member "
       "must have length greater than or equal to 1; Value '' at 'itemName' failed to satisfy "
       "constraint: Member must satisfy regular expression pattern: [a-z]+"},
      {R"({"ItemName":"a","Count":11})",
       "1 validation error detected: Value '11' at 'count' failed to satisfy constraint: Member "
       "must have value less than or equal to 10"},
      {R"({"ItemName":"a","Names":["a","b","c"]})",
       "1 validation error detected: Value '[\"a\",\"b\",\"c\"]' at 'names' failed to satisfy "
       "constraint: Member must have length less than or equal to 2"},
      {R"({"ItemName":"a","Names":["a","B"]})",
       "1 validation error detected: Value 'B' at 'names.2.member' failed to satisfy constraint: "
       "Member must satisfy regular expression pattern: [a-z]+"},
      {R"({"ItemName":"a","Inners":[{"Name":"a","Color":"GREEN"}]})",
       "1 validation error detected: Value 'GREEN' at 'inners.1.member.color' failed to satisfy "
       "constraint: Member must satisfy enum value set: [RED, BLUE]"},
      {R"({"ItemName":"a","Inner":{}})",
       "1 validation error detected: Value null at 'inner.name' failed to satisfy constraint: "
       "Member must not be null"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.body);
    const auto status = Check(c.body);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error(), InvalidArgument(c.message));
  }
}

TEST(Validate, WrongTypesAreToldByPlace) {
  const struct {
    const char* body;
    const char* message;
  } cases[] = {
      {"[]", "expected a object, got a array"},
      {R"({"ItemName":7})", "expected a string at 'itemName', got a number"},
      {R"({"Count":"7"})", "expected a 32-bit integer at 'count', got a string"},
      {R"({"Count":7.5})", "expected a 32-bit integer at 'count', got a number"},
      {R"({"Count":4294967296})", "expected a 32-bit integer at 'count', got a number"},
      {R"({"Names":"a"})", "expected a list at 'names', got a string"},
      {R"({"Inners":[[]]})", "expected a object at 'inners.1.member', got a array"},
      {R"({"When":"2026-11-22"})",
       "expected a timestamp (a number of seconds since the epoch) at 'when', got a string"},
      {R"({"When":1e300})",
       "expected a timestamp (a number of seconds since the epoch) at 'when', got a number"},
      {R"({"Flag":1})", "expected a boolean at 'flag', got a number"},
      {R"({"Ratio":"1"})", "expected a number at 'ratio', got a string"},
      {R"({"Big":1.0e3})", "expected a 64-bit integer at 'big', got a number"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.body);
    const auto status = Check(c.body);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error(), InvalidArgument(c.message));
  }
}

TEST(Validate, DropsWhatTheDescriptionDoesNotKnow) {
  const Catalogue catalogue = Load(kText);
  const auto value =
      json::Parse(R"({"ItemName":"a","Unknown":{"x":[1]},"Inner":{"Name":"b","Y":1}})");
  const auto typed = ReadTyped(catalogue.FindByTarget("Test.Do")->input, *value);
  ASSERT_TRUE(typed);
  EXPECT_EQ(json::Write(*typed), R"({"ItemName":"a","Inner":{"Name":"b"}})");
}

TEST(Validate, CountsCharactersNotBytesAndKeepsMessagesShort) {
  EXPECT_FALSE(Check(R"({"ItemName":"äöüäö"})"));  // five characters: only the pattern is violated
  EXPECT_NE(Check(R"({"ItemName":"äöüäö"})").error().message.find("1 validation error"),
            std::string::npos);
  const std::string long_text(1 << 20, 'x');
  const auto status = Check(R"({"ItemName":")" + long_text + R"("})");
  ASSERT_FALSE(status);
  EXPECT_LT(status.error().message.size(), 1000u);
}

}  // namespace
}  // namespace kedge::server
