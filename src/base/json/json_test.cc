// SPDX-License-Identifier: Apache-2.0
#include "base/json/json.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <set>

#include "base/file.h"

namespace kedge::json {
namespace {

TEST(Json, WritesWhatItReads) {
  for (const char* text : {"null", "true", "0", "-7", "9223372036854775807", "1.5", "1e+300",
                           "\"\"", "\"\\\"\\\\\\n\\u0001\"", "[]", "[1,[2,{\"a\":null}]]",
                           "{\"b\":1,\"a\":[true,false]}", "\"\xC3\xA4\xF0\x9F\x98\x80\""}) {
    SCOPED_TRACE(text);
    const auto value = Parse(text);
    ASSERT_TRUE(value);
    EXPECT_EQ(Write(*value), text);
  }
}

TEST(Json, CanonicalFormSortsMembers) {
  EXPECT_EQ(WriteCanonical(*Parse(" { \"b\" : 1 , \"a\" : { \"d\":2, \"c\":3 } } ")),
            "{\"a\":{\"c\":3,\"d\":2},\"b\":1}");
}

TEST(Json, KeepsADoubleADouble) {
  EXPECT_EQ(Write(Value(2.0)), "2.0");
  EXPECT_NE(Parse("2.0")->AsDouble(), nullptr);
}

TEST(Json, ReplacesBytesThatAreNotUtf8) {
  for (const char* bad : {"\xFF", "\xC0\x80", "\xED\xA0\x80", "\xE2\x82"}) {
    EXPECT_TRUE(Parse(Write(Value(bad)))) << Write(Value(bad));
  }
}

TEST(Json, HoldsItsLimits) {
  EXPECT_FALSE(Parse(std::string(65, '[') + std::string(65, ']')));
  EXPECT_TRUE(Parse(std::string(63, '[') + std::string(63, ']')));
  EXPECT_FALSE(Parse("[1,2]", {.bytes_max = 4}));
  EXPECT_FALSE(Parse("{\"a\":1,\"a\":2}"));
  EXPECT_EQ(Parse("{\"a\":1,\"a\":2}", {.reject_duplicate_keys = false})->IntOr("a", 0), 2);
}

// Small texts share a thread's parser, long ones and wide objects go another way.
TEST(Json, ReadsShortAndLongTextsInTurns) {
  const std::string longest(200'000, 'x');
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(*Parse("\"short\"")->AsString(), "short");
    EXPECT_EQ(*Parse("\"" + longest + "\"")->AsString(), longest);
    EXPECT_FALSE(Parse("[1"));
    EXPECT_FALSE(Parse("[[[1]]]", {.depth_max = 2}));
    EXPECT_TRUE(Parse("[[[1]]]"));
  }
}

TEST(Json, RefusesARepeatedMemberHoweverManyThereAre) {
  for (const int members : {1, 15, 16, 17, 100}) {
    SCOPED_TRACE(members);
    std::string text = "{";
    for (int i = 0; i < members; ++i) text += "\"m" + std::to_string(i) + "\":1,";
    EXPECT_TRUE(Parse(text + "\"other\":1}"));
    EXPECT_FALSE(Parse(text + "\"m0\":1}"));
    EXPECT_FALSE(Parse(text + "\"m" + std::to_string(members - 1) + "\":1}"));
  }
}

// The public JSON parsing cases: y_ must be accepted, n_ refused. What we do with the free i_ cases
// is frozen here: the ones listed are accepted, all others refused.
TEST(Json, PublicParsingCases) {
  const char* source = std::getenv("KEDGE_SOURCE_DIR");
  const Path folder = Path(source == nullptr ? "." : source) / "../shared/vectors/json";
  PosixFileSystem disk;
  if (!disk.Exists(folder)) GTEST_SKIP() << "skipped: ../shared not present";
  const std::set<std::string> accepted = {"i_number_double_huge_neg_exp.json",
                                          "i_number_real_underflow.json",
                                          "i_structure_500_nested_arrays.json"};
  int cases = 0;
  for (const std::string& name : *disk.List(folder)) {
    if (name.size() < 6 || name.substr(name.size() - 5) != ".json") continue;
    SCOPED_TRACE(name);
    const auto text = disk.Read(folder / name, 1 << 24);
    ASSERT_TRUE(text);
    const bool parsed =
        Parse(AsText(*text), {.depth_max = 1000, .reject_duplicate_keys = false}).has_value();
    const bool wanted = name[0] == 'y' || (name[0] == 'i' && accepted.contains(name));
    EXPECT_EQ(parsed, wanted);
    ++cases;
  }
  EXPECT_EQ(cases, 318);
}

}  // namespace
}  // namespace kedge::json
