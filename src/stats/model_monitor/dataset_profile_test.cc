// SPDX-License-Identifier: Apache-2.0
#include "stats/model_monitor/dataset_profile.h"

#include <functional>
#include <gtest/gtest.h>

namespace kedge::stats::model_monitor {
namespace {

using Rows = std::vector<std::vector<std::pair<std::string, std::string>>>;

DatasetProfile ProfileOf(const Rows& rows) {
  DatasetProfile profile;
  for (const auto& row : rows) {
    profile.BeginRow();
    for (const auto& [column, cell] : row) EXPECT_TRUE(profile.Add(column, cell));
  }
  return profile;
}

TEST(KindOfCell, IsTheNarrowest) {
  struct Case {
    const char* cell;
    InferredType kind;
  };
  const Case cases[] = {{"7", InferredType::kIntegral},       {"-7", InferredType::kIntegral},
                        {"+7", InferredType::kIntegral},      {"7.0", InferredType::kFractional},
                        {".5", InferredType::kFractional},    {"1e-3", InferredType::kFractional},
                        {"seven", InferredType::kUnknown},    {"", InferredType::kUnknown},
                        {"nan", InferredType::kUnknown},      {"inf", InferredType::kUnknown},
                        {"1e999", InferredType::kUnknown},    {"1,5", InferredType::kUnknown},
                        {"7 apples", InferredType::kUnknown}, {"+-7", InferredType::kUnknown},
                        {"true", InferredType::kUnknown},     {"0x10", InferredType::kUnknown}};
  for (const Case& one : cases) EXPECT_EQ(KindOfCell(one.cell), one.kind) << one.cell;
}

TEST(DatasetProfile, CountsWhatTheRowsHold) {
  const auto statistics = ProfileOf({{{"x", "1"}, {"name", "a"}},
                                     {{"x", "2"}, {"name", "b"}},
                                     {{"x", "6"}, {"name", ""}},
                                     {{"name", "b"}, {"y", "0.5"}}})
                              .ToStatistics();
  EXPECT_EQ(statistics.rows, 4u);
  const FeatureStatistics& x = *statistics.Find("x");
  EXPECT_EQ(x.type, InferredType::kIntegral);
  EXPECT_EQ(x.present, 3u);
  EXPECT_EQ(x.missing, 1u);
  EXPECT_DOUBLE_EQ(x.numerical->mean, 3);
  EXPECT_DOUBLE_EQ(x.numerical->sum, 9);
  EXPECT_DOUBLE_EQ(x.numerical->std_dev * x.numerical->std_dev, 14.0 / 3);  // (4 + 1 + 9) / 3
  EXPECT_EQ(x.numerical->min, 1);
  EXPECT_EQ(x.numerical->max, 6);
  ASSERT_EQ(x.numerical->buckets.size(), 10u);
  EXPECT_EQ(x.numerical->buckets[0].count, 1u);
  EXPECT_EQ(x.numerical->buckets[2].count, 1u);  // [2, 2.5)
  EXPECT_EQ(x.numerical->buckets[9].count, 1u);
  EXPECT_EQ(statistics.Find("y")->type, InferredType::kFractional);
  EXPECT_EQ(statistics.Find("y")->missing, 3u);
  EXPECT_EQ(statistics.Find("name")->text->categories, (CategoryCounts{{"a", 1}, {"b", 2}}));
}

TEST(DatasetProfile, ManyTextsAreBoundedAndStillCounted) {
  DatasetProfile profile;
  for (int i = 0; i < 20'000; ++i) {
    profile.BeginRow();
    ASSERT_TRUE(profile.Add("id", "device-" + std::to_string(i)));
  }
  const auto statistics = profile.ToStatistics();
  EXPECT_EQ(statistics.Find("id")->text->categories.size(), kCategoriesMax);
  EXPECT_NEAR(statistics.Find("id")->text->distinct_count, 20'000, 3'000);
  EXPECT_FALSE(profile.Suggest().Find("id")->domains);
}

TEST(DatasetProfile, RefusesTooManyColumns) {
  DatasetProfile profile;
  for (size_t i = 0; i < kFeaturesMax; ++i) ASSERT_TRUE(profile.Declare("c" + std::to_string(i)));
  EXPECT_EQ(profile.Add("one more", "1").error().code, Code::kInvalidArgument);
}

Rows Baseline() {
  Rows rows;
  for (int i = 0; i < 1000; ++i) {
    rows.push_back({{"count", std::to_string(i % 100)},
                    {"ratio", std::to_string(i % 10 / 10.0)},
                    {"color", i % 2 == 0 ? "red" : "green"}});
  }
  return rows;
}

TEST(Suggest, GivesConstraintsThatTheRowsSatisfy) {
  const DatasetProfile profile = ProfileOf(Baseline());
  const Constraints constraints = profile.Suggest();
  EXPECT_EQ(constraints.Find("count")->type, InferredType::kIntegral);
  EXPECT_EQ(constraints.Find("count")->completeness, 1.0);
  EXPECT_TRUE(*constraints.Find("count")->is_non_negative);
  EXPECT_EQ(*constraints.Find("color")->domains, (std::vector<std::string>{"green", "red"}));
  const Statistics statistics = profile.ToStatistics();
  EXPECT_EQ(Check(constraints, &statistics, profile), std::vector<Violation>());
}

struct CheckCase {
  const char* name;
  std::function<void(Rows&)> change;
  std::function<void(Constraints&)> configure;
  std::string_view check;  // "" none
  const char* feature;
  const char* words;
};

void Nothing(Constraints&) {}

const CheckCase kChecks[] = {
    {"unchanged", [](Rows&) {}, Nothing, "", "", ""},
    {"fraction in an integral column", [](Rows& rows) { rows[0][0].second = "0.5"; }, Nothing,
     kDataTypeCheck, "count",
     "Data type match requirement is not met. Expected data type: Integral, Expected match: "
     "100.0%. "
     "Observed: Only 99.9% of data is Integral."},
    {"within the type threshold", [](Rows& rows) { rows[0][0].second = "x"; },
     [](Constraints& c) { c.config.datatype_check_threshold = 0.99; }, "", "", ""},
    {"negative", [](Rows& rows) { rows[0][0].second = "-1"; }, Nothing, kDataTypeCheck, "count",
     "non-negative Integral"},
    {"null", [](Rows& rows) { rows[3][1].second = ""; }, Nothing, kCompletenessCheck, "ratio",
     "Observed: Only 99.9% of data is present."},
    {"numeric drift",
     [](Rows& rows) {
       for (auto& row : rows) row[0].second = std::to_string(std::stoi(row[0].second) + 50);
     },
     Nothing, kBaselineDriftCheck, "count",
     // Simple 0.5, less 1.8 * sqrt(2000 / 1e6) = 0.0805
     "Numerical distance: 0.41950"},
    {"numeric drift, simple",
     [](Rows& rows) {
       for (auto& row : rows) row[0].second = std::to_string(std::stoi(row[0].second) + 50);
     },
     [](Constraints& c) { c.features[0].overrides.comparison_method = ComparisonMethod::kSimple; },
     kBaselineDriftCheck, "count", "Numerical distance: 0.5 exceeds numerical threshold: 0.1"},
    {"drift that nobody compares",
     [](Rows& rows) {
       for (auto& row : rows) row[0].second = "99";
     },
     [](Constraints& c) { c.features[0].overrides.perform_comparison = false; }, "", "", ""},
    {"categorical drift",
     [](Rows& rows) {
       for (auto& row : rows) row[2].second = "red";
     },
     [](Constraints& c) { c.config.comparison_method = ComparisonMethod::kSimple; },
     kBaselineDriftCheck, "color", "Categorical distance: 0.5 exceeds categorical threshold: 0.1"},
    {"categorical drift, chi-squared",
     [](Rows& rows) {
       for (int i = 0; i < 100; ++i) rows[static_cast<size_t>(2 * i)][2].second = "green";
     },
     [](Constraints& c) { c.config.categorical_drift_method = CategoricalMethod::kChiSquared; },
     kBaselineDriftCheck, "color", "is below categorical threshold: 0.1"},
    {"unseen category", [](Rows& rows) { rows[0][2].second = "blue"; }, Nothing,
     kCategoricalValuesCheck, "color", "Observed: Only 99.9% of values are in the domain."},
    {"missing column",
     [](Rows& rows) {
       for (auto& row : rows) row.pop_back();
     },
     Nothing, kMissingColumnCheck, "Missing columns",
     "There are missing columns in current dataset. Number of columns in current dataset: 2, "
     "Number of "
     "columns in baseline constraints: 3"},
    {"extra column", [](Rows& rows) { rows[0].push_back({"new", "1"}); }, Nothing,
     kExtraColumnCheck, "Extra columns", "Extra: new"},
    {"nothing is evaluated", [](Rows& rows) { rows[0].push_back({"new", "1"}); },
     [](Constraints& c) { c.config.evaluate_constraints = false; }, "", "", ""},
};

TEST(Check, FindsEachOfTheSixTypes) {
  const DatasetProfile baseline = ProfileOf(Baseline());
  const Statistics statistics = baseline.ToStatistics();
  for (const CheckCase& one : kChecks) {
    SCOPED_TRACE(one.name);
    Rows rows = Baseline();
    one.change(rows);
    Constraints constraints = baseline.Suggest();
    one.configure(constraints);
    const auto violations = Check(constraints, &statistics, ProfileOf(rows));
    if (one.check.empty()) {
      EXPECT_EQ(violations, std::vector<Violation>());
      continue;
    }
    ASSERT_EQ(violations.size(), 1u) << WriteViolations(violations);
    EXPECT_EQ(violations[0].check, one.check);
    EXPECT_EQ(violations[0].feature, one.feature);
    EXPECT_NE(violations[0].description.find(one.words), std::string::npos)
        << violations[0].description;
  }
}

TEST(Check, ComparesNothingWithoutBaselineStatistics) {
  const DatasetProfile baseline = ProfileOf(Baseline());
  Rows rows = Baseline();
  for (auto& row : rows) row[0].second = "99";
  EXPECT_EQ(Check(baseline.Suggest(), nullptr, ProfileOf(rows)), std::vector<Violation>());
}

}  // namespace
}  // namespace kedge::stats::model_monitor
