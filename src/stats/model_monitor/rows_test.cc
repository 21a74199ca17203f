// SPDX-License-Identifier: Apache-2.0
#include "stats/model_monitor/rows.h"

#include <gtest/gtest.h>

namespace kedge::stats::model_monitor {
namespace {

std::vector<Record> RecordsOf(const std::string& text) {
  const auto line = json::Parse(text);
  EXPECT_TRUE(line);
  auto records = ReadCaptureLine(*line);
  EXPECT_TRUE(records);
  return records.value_or(std::vector<Record>());
}

TEST(SplitCsv, FollowsRfc4180) {
  struct Case {
    const char* line;
    std::vector<std::string> fields;
  };
  const Case cases[] = {{"1,2", {"1", "2"}},
                        {"", {""}},
                        {",", {"", ""}},
                        {R"("a,b",c)", {"a,b", "c"}},
                        {R"("a ""b""")", {"a \"b\""}},
                        {R"(5" pipe,x)", {"5\" pipe", "x"}}};
  for (const Case& one : cases) EXPECT_EQ(*SplitCsv(one.line), one.fields) << one.line;
  EXPECT_EQ(SplitCsv("\"open").error().code, Code::kInvalidArgument);
}

TEST(CsvCells, NeedsAsManyFieldsAsTheHeader) {
  const std::vector<std::string> header = {"x", "y"};
  EXPECT_EQ(*CsvCells({"1", "2"}, &header), (Cells{{"x", "1"}, {"y", "2"}}));
  EXPECT_EQ(*CsvCells({"1"}, nullptr), (Cells{{"_c0", "1"}}));
  EXPECT_FALSE(CsvCells({"1"}, &header));
}

TEST(JsonCells, FlattensObjects) {
  const auto value = json::Parse(R"({"a":1,"b":{"c":2.5,"d":"x"},"e":null,"f":[1],"g":true})");
  EXPECT_EQ(JsonCells(*value),
            (Cells{{"a", "1"}, {"b_c", "2.5"}, {"b_d", "x"}, {"e", ""}, {"f", ""}, {"g", "true"}}));
}

TEST(ReadCaptureLine, ReadsTheServicesCsvJsonAndBase64) {
  constexpr char kEnd[] =
      R"("eventMetadata":{"eventId":"e1","inferenceId":"i1","inferenceTime":"2026-11-28T20:30:00Z"},"eventVersion":"0"})";
  const std::string csv =
      std::string(
          R"({"captureData":{"endpointInput":{"observedContentType":"text/csv","mode":"INPUT","data":"1,2","encoding":"CSV"},)") +
      R"("endpointOutput":{"observedContentType":"text/csv","mode":"OUTPUT","data":"0.9","encoding":"CSV"}},)" +
      kEnd;
  const auto one = RecordsOf(csv);
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].cells, (Cells{{"_c0", "0.9"}, {"_c1", "1"}, {"_c2", "2"}}));
  EXPECT_EQ(one[0].outputs, 1u);
  EXPECT_FALSE(one[0].named);
  EXPECT_EQ(one[0].event_id, "e1");
  EXPECT_EQ(one[0].inference_id, "i1");
  EXPECT_EQ(FormatIso8601(*one[0].time).substr(0, 19), "2026-11-28T20:30:00");

  const auto json_records = RecordsOf(
      std::string(
          R"({"captureData":{"endpointInput":{"observedContentType":"application/json","mode":"INPUT","data":"{\"age\":3}","encoding":"JSON"}},)") +
      kEnd);
  EXPECT_EQ(json_records.at(0).cells, (Cells{{"age", "3"}}));

  // "1,2\n3,4": two rows in one call.
  const auto two = RecordsOf(
      std::string(
          R"({"captureData":{"endpointInput":{"observedContentType":"text/csv","mode":"INPUT","data":"MSwyCjMsNA==","encoding":"BASE64"}},)") +
      kEnd);
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(two[1].cells, (Cells{{"_c0", "3"}, {"_c1", "4"}}));
}

TEST(ReadCaptureLine, ReadsTensorsOfEdgeAgents) {
  const auto records = RecordsOf(
      R"({"deviceFleetInputs":[{"name":"x","mode":"Input","observedContentType":"Tensor[UINT8; 1, 3]","encoding":"BASE64","data":"YWJj"},)"
      R"({"name":"big","mode":"Input","observedContentType":"Tensor[UINT8; 9999]","encoding":"NONE","data-ref":"file:///x"}],)"
      R"("deviceFleetOutputs":[{"name":"y","mode":"Output","observedContentType":"Tensor[FLOAT32; 1]","encoding":"BASE64","data":"AADAPw=="}],)"
      R"("eventMetadata":{"deviceFleetName":"lab","deviceId":"d","eventId":"e","inferenceTime":"2026-11-28T20:30:00"},"eventVersion":"0"})");
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].cells, (Cells{{"y", "1.5"}, {"x_0", "97"}, {"x_1", "98"}, {"x_2", "99"}}));
  EXPECT_EQ(records[0].outputs, 1u);
  EXPECT_TRUE(records[0].named);
  EXPECT_TRUE(records[0].time);
}

TEST(ReadCaptureLine, RefusesOtherLines) {
  EXPECT_FALSE(ReadCaptureLine(*json::Parse("{}")));
  EXPECT_FALSE(ReadCaptureLine(
      *json::Parse(R"({"captureData":{"endpointInput":{"data":"{","encoding":"JSON"}}})")));
}

TEST(ReadGroundTruthLine, NeedsIdAndLabel) {
  const auto truth = ReadGroundTruthLine(*json::Parse(
      R"({"groundTruthData":{"data":"1","encoding":"CSV"},"eventMetadata":{"eventId":"e"},"eventVersion":"0"})"));
  ASSERT_TRUE(truth);
  EXPECT_EQ(truth->event_id + truth->label, "e1");
  EXPECT_FALSE(ReadGroundTruthLine(*json::Parse("{}")));
  EXPECT_FALSE(ReadGroundTruthLine(
      *json::Parse(R"({"groundTruthData":{},"eventMetadata":{"eventId":"e"}})")));
}

}  // namespace
}  // namespace kedge::stats::model_monitor
