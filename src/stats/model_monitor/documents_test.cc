// SPDX-License-Identifier: Apache-2.0
#include "stats/model_monitor/documents.h"

#include <gtest/gtest.h>
#include <random>

#include "stats/model_monitor/dataset_profile.h"

namespace kedge::stats::model_monitor {
namespace {

// In the form that the service and its SDK publish: version 0.0, counts as doubles, unknown
// members.
constexpr std::string_view kPublished = R"({
  "version": 0.0, "dataset": {"item_count": 3},
  "features": [
    {"name": "age", "inferred_type": "Integral", "numerical_statistics": {
      "common": {"num_present": 3, "num_missing": 0}, "mean": 2.0, "sum": 6.0, "std_dev": 0.816, "min": 1.0, "max": 3.0,
      "distribution": {"kll": {"buckets": [{"lower_bound": 1.0, "upper_bound": 3.0, "count": 3.0}],
                               "sketch": {"parameters": {"c": 0.64, "k": 2048.0}, "data": [[1.0, 2.0, 3.0]]}}}}},
    {"name": "city", "inferred_type": "String", "string_statistics": {
      "common": {"num_present": 2, "num_missing": 1}, "distinct_count": 2.0,
      "distribution": {"categorical": {"buckets": [{"value": "A", "count": 1}, {"value": "B", "count": 1}]}}}},
    {"name": "void", "inferred_type": "Unknown"}]})";

TEST(Statistics, ReadsWhatTheServiceWrites) {
  const auto read = ReadStatistics(kPublished);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->rows, 3u);
  const FeatureStatistics* age = read->Find("age");
  ASSERT_NE(age, nullptr);
  EXPECT_EQ(age->numerical->sketch.rows(), 3u);
  EXPECT_EQ(age->numerical->buckets.at(0).count, 3u);
  EXPECT_EQ(read->Find("city")->text->categories, (CategoryCounts{{"A", 1}, {"B", 1}}));
  EXPECT_EQ(read->Find("city")->missing, 1u);
  EXPECT_EQ(read->Find("none"), nullptr);
}

// Any statistics that we write are read back equal: rows, nulls, buckets, sketch.
TEST(Statistics, AreReadBackAsTheyWereWritten) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 40; ++round) {
    DatasetProfile profile;
    const int rows = static_cast<int>(random() % 6000);
    for (int row = 0; row < rows; ++row) {
      profile.BeginRow();
      const auto number = static_cast<int64_t>(random() % 100'000) - 30'000;
      ASSERT_TRUE(profile.Add("integral", random() % 5 == 0 ? "" : std::to_string(number)));
      ASSERT_TRUE(profile.Add("fractional", std::to_string(static_cast<double>(number) / 7)));
      ASSERT_TRUE(profile.Add("text", "t" + std::to_string(random() % 40)));
      ASSERT_TRUE(profile.Add("empty", ""));
    }
    const Statistics written = profile.ToStatistics();
    const auto read = ReadStatistics(WriteStatistics(written));
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_EQ(read->features.size(), written.features.size());
    for (size_t i = 0; i < written.features.size(); ++i) {
      SCOPED_TRACE(written.features[i].name);
      EXPECT_EQ(read->features[i].present, written.features[i].present);
      EXPECT_EQ(read->features[i].missing, written.features[i].missing);
      EXPECT_EQ(read->features[i].numerical, written.features[i].numerical);
      if (written.features[i].text) {
        EXPECT_EQ(read->features[i].text, written.features[i].text);
      }
    }
  }
}

TEST(Statistics, RefusesWhatIsNone) {
  struct Case {
    const char* name;
    const char* text;
    const char* words;
  };
  const Case cases[] = {
      {"no JSON", "{", ""},
      {"no dataset", R"({"features": []})", "'dataset'"},
      {"negative count", R"({"dataset": {"item_count": -1}, "features": []})", "'item_count'"},
      {"half a count", R"({"dataset": {"item_count": 1.5}, "features": []})", "'item_count'"},
      {"no features", R"({"dataset": {"item_count": 1}})", "'features'"},
      {"no type",
       R"({"dataset": {"item_count": 1}, "features": [{"name": "a", "inferred_type": "X"}]})",
       "'X'"},
      {"twice",
       R"({"dataset": {"item_count": 1}, "features": [{"name": "a", "inferred_type": "Unknown"},
           {"name": "a", "inferred_type": "Unknown"}]})",
       "twice"},
      {"text in sketch",
       R"({"dataset": {"item_count": 1}, "features": [{"name": "a", "inferred_type": "Integral", "numerical_statistics":
           {"common": {"num_present": 1, "num_missing": 0}, "mean": 1, "sum": 1, "std_dev": 0, "min": 1, "max": 1,
            "distribution": {"kll": {"buckets": [], "sketch": {"parameters": {"c": 0.64, "k": 2048}, "data": [["x"]]}}}}}]})",
       "no number"},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.name);
    const auto read = ReadStatistics(one.text);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Code::kInvalidArgument);
    EXPECT_NE(read.error().message.find(one.words), std::string::npos) << read.error().message;
  }
}

TEST(Constraints, ReadsBothSpellings) {
  for (const char* overrides : {"monitoringConfigOverrides", "monitoring_config_overrides"}) {
    for (const char* method : {"comparison_method", "comparion_method"}) {
      SCOPED_TRACE(std::string(overrides) + " " + method);
      const std::string text =
          std::string(R"({"version": 0.0, "owner": "team", "features": [{"name": "age",
        "inferred_type": "Integral", "completeness": 1.0, "num_constraints": {"is_non_negative": true}, "note": 1, ")") +
          overrides + R"(": {"distribution_constraints": {"comparison_threshold": 0.3, ")" +
          method + R"(": "Simple"}}}], "monitoring_config": {"evaluate_constraints": "Enabled",
        "emit_metrics": "Disabled", "datatype_check_threshold": 1.0, "distribution_constraints": {"perform_comparison":
        "Enabled", "comparison_threshold": 0.1, "comparison_method": "Robust"}}})";
      const auto read = ReadConstraints(text);
      ASSERT_TRUE(read) << read.error().message;
      const EffectiveConfig config = Effective(read->config, read->Find("age")->overrides);
      EXPECT_EQ(config.comparison_threshold, 0.3);
      EXPECT_EQ(config.categorical_comparison_threshold, 0.3);  // follows the other
      EXPECT_EQ(config.comparison_method, ComparisonMethod::kSimple);
      EXPECT_FALSE(config.emit_metrics);
      EXPECT_EQ(config.datatype_check_threshold, 1.0);
      EXPECT_EQ(config.domain_content_threshold, 0.1);  // absent: the documented default
      // Written and read again nothing is lost, what nobody knows included.
      const auto again = ReadConstraints(WriteConstraints(*read));
      ASSERT_TRUE(again) << again.error().message;
      EXPECT_EQ(again->config, read->config);
      EXPECT_EQ(again->Find("age")->overrides, read->Find("age")->overrides);
      EXPECT_EQ(json::Write(again->unknown), R"({"owner":"team"})");
      EXPECT_EQ(json::Write(again->Find("age")->unknown), R"({"note":1})");
    }
  }
}

TEST(Constraints, RefusesAWordThatNobodyKnows) {
  const auto read = ReadConstraints(
      R"({"features": [], "monitoring_config": {"distribution_constraints": {"comparison_method": "Fast"}}})");
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("\"Fast\""), std::string::npos);
  EXPECT_FALSE(ReadConstraints(R"({"features": [{"name": "a"}]})"));
  EXPECT_FALSE(ReadConstraints(R"({"features": [{"name": "a", "inferred_type": "String"}]})"));
}

TEST(Violations, AreReadBack) {
  const std::vector<Violation> written = {{"age", "data_type_check", "a \"b\""}, {"", "x", ""}};
  const auto read = ReadViolations(WriteViolations(written));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, written);
  EXPECT_FALSE(ReadViolations("{}"));
}

}  // namespace
}  // namespace kedge::stats::model_monitor
