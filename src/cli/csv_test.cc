// SPDX-License-Identifier: Apache-2.0
#include "cli/csv.h"

#include <gtest/gtest.h>

namespace kedge::cli {
namespace {

std::string Shown(const std::vector<CsvRecord>& records) {
  std::string shown;
  for (const CsvRecord& record : records) {
    shown += std::to_string(record.line) + ":";
    for (const std::string& field : record.fields) shown += "[" + field + "]";
    shown += " ";
  }
  return shown;
}

TEST(Csv, ReadsRecordsWithTheirLines) {
  const struct {
    const char* text;
    const char* want;
  } cases[] = {
      {"", ""},
      {"a", "1:[a] "},
      {"a,b\n1,2\n", "1:[a][b] 2:[1][2] "},
      {"a,b\r\n1,2\r\n", "1:[a][b] 2:[1][2] "},
      {"\xEF\xBB\xBF"
       "a\n\n\nb",
       "1:[a] 4:[b] "},
      {",\n,,", "1:[][] 2:[][][] "},
      {R"("roof, left","say ""hi""",x)", R"(1:[roof, left][say "hi"][x] )"},
      {"\"two\nlines\",x\ny", "1:[two\nlines][x] 3:[y] "},
      {R"("",a)", "1:[][a] "},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    const auto records = ParseCsv(c.text);
    ASSERT_TRUE(records) << records.error().message;
    EXPECT_EQ(Shown(*records), c.want);
  }
}

TEST(Csv, NamesTheLineThatIsWrong) {
  const struct {
    const char* text;
    const char* message;
  } cases[] = {
      {"a\n\"b\nc", "line 2: a quote is not closed"},
      {"\"a\"b", "line 1: text after a closing quote"},
      {"a\nb\"c", "line 2: a quote inside a field that is not quoted"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    EXPECT_EQ(ParseCsv(c.text).error(), InvalidArgument(c.message));
  }
}

}  // namespace
}  // namespace kedge::cli
