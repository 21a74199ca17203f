// SPDX-License-Identifier: Apache-2.0
#include "stats/model_monitor/quality_report.h"

#include <gtest/gtest.h>

namespace kedge::stats::model_monitor {
namespace {

double ValueOf(const json::Value& report, const char* group, const char* metric) {
  const json::Value* found = report.Find(group)->Find(metric);
  return found == nullptr ? -99 : found->Find("value")->NumberOr(-98);
}

// 3 true positives, 1 false negative, 2 false positives, 4 true negatives.
std::vector<LabelledRow> Binary() {
  std::vector<LabelledRow> rows;
  const auto add = [&](int count, const char* label, const char* prediction, double score) {
    for (int i = 0; i < count; ++i) rows.push_back({label, prediction, score});
  };
  add(3, "1", "1", 0.9);
  add(1, "1", "0", 0.2);
  add(2, "0", "1", 0.7);
  add(4, "0", "0", 0.1);
  return rows;
}

TEST(QualityMetrics, OfABinaryClassifier) {
  const auto report = QualityMetrics(Binary(), {.problem = ProblemType::kBinary});
  ASSERT_TRUE(report) << report.error().message;
  constexpr char kGroup[] = "binary_classification_metrics";
  EXPECT_DOUBLE_EQ(ValueOf(*report, kGroup, "accuracy"), 0.7);
  EXPECT_DOUBLE_EQ(ValueOf(*report, kGroup, "recall"), 0.75);
  EXPECT_DOUBLE_EQ(ValueOf(*report, kGroup, "precision"), 0.6);
  EXPECT_DOUBLE_EQ(ValueOf(*report, kGroup, "f1"), 2 * 0.75 * 0.6 / 1.35);
  EXPECT_DOUBLE_EQ(ValueOf(*report, kGroup, "true_negative_rate"), 4.0 / 6);
  EXPECT_DOUBLE_EQ(ValueOf(*report, kGroup, "false_positive_rate"), 2.0 / 6);
  EXPECT_DOUBLE_EQ(ValueOf(*report, kGroup, "false_negative_rate"), 0.25);
  EXPECT_DOUBLE_EQ(ValueOf(*report, kGroup, "accuracy_best_constant_classifier"), 0.6);
  // 24 pairs: 3 positives above all 6 negatives (18), one above the 4 lowest (4).
  EXPECT_DOUBLE_EQ(ValueOf(*report, kGroup, "auc"), 22.0 / 24);
  const json::Value* group = report->Find(kGroup);
  EXPECT_EQ(json::Write(*group->Find("confusion_matrix")),
            R"({"0":{"0":4,"1":2},"1":{"0":1,"1":3}})");
  EXPECT_EQ(group->Find("accuracy")->StringOr("standard_deviation", ""), "NaN");  // too few rows
  EXPECT_EQ(
      json::Write(
          *group->Find("receiver_operating_characteristic_curve")->Find("true_positive_rates")),
      "[0.0,0.75,0.75,1.0,1.0]");
}

TEST(QualityMetrics, HaveADeviationFrom200Rows) {
  std::vector<LabelledRow> rows;
  for (int i = 0; i < 20; ++i) {
    for (const LabelledRow& row : Binary()) rows.push_back(row);
  }
  const auto report = QualityMetrics(rows, {});
  const json::Value* deviation =
      report->Find("binary_classification_metrics")->Find("accuracy")->Find("standard_deviation");
  ASSERT_TRUE(deviation->IsNumber());
  EXPECT_GT(deviation->NumberOr(0), 0);
  EXPECT_LT(deviation->NumberOr(1), 0.05);
}

TEST(QualityMetrics, ProbabilitiesAloneArePredictionsByTheThreshold) {
  std::vector<LabelledRow> rows = Binary();
  for (LabelledRow& row : rows) row.prediction.clear();
  const auto report = QualityMetrics(rows, {.problem = ProblemType::kBinary, .threshold = 0.8});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_DOUBLE_EQ(ValueOf(*report, "binary_classification_metrics", "precision"), 1);
}

TEST(QualityMetrics, OfARegression) {
  const auto report = QualityMetrics({{"1", "2", {}}, {"2", "2", {}}, {"3", "1", {}}},
                                     {.problem = ProblemType::kRegression});
  ASSERT_TRUE(report);
  EXPECT_DOUBLE_EQ(ValueOf(*report, "regression_metrics", "mae"), 1);
  EXPECT_DOUBLE_EQ(ValueOf(*report, "regression_metrics", "mse"), 5.0 / 3);
  EXPECT_DOUBLE_EQ(ValueOf(*report, "regression_metrics", "r2"), 1 - 5.0 / 2);
}

TEST(QualityMetrics, OfSeveralClasses) {
  const auto report = QualityMetrics(
      {{"cat", "cat", {}}, {"cat", "dog", {}}, {"dog", "dog", {}}, {"fish", "fish", {}}},
      {.problem = ProblemType::kMulticlass});
  ASSERT_TRUE(report);
  constexpr char kGroup[] = "multiclass_classification_metrics";
  EXPECT_DOUBLE_EQ(ValueOf(*report, kGroup, "accuracy"), 0.75);
  EXPECT_DOUBLE_EQ(ValueOf(*report, kGroup, "weighted_recall"), 0.75);
  EXPECT_DOUBLE_EQ(ValueOf(*report, kGroup, "weighted_precision"), (2 * 1 + 0.5 + 1) / 4);
}

TEST(QualityMetrics, RefusesWhatCannotBeJudged) {
  EXPECT_FALSE(QualityMetrics({}, {}));
  EXPECT_FALSE(QualityMetrics({{"1", "", {}}}, {}));
  EXPECT_FALSE(QualityMetrics({{"a", "b", {}}, {"c", "a", {}}}, {}));
  EXPECT_FALSE(QualityMetrics({{"one", "1", {}}}, {.problem = ProblemType::kRegression}));
  EXPECT_FALSE(ParseProblemType("Clustering"));
}

TEST(CheckQuality, ComparesEachMetricWithItsThreshold) {
  const auto report = QualityMetrics(Binary(), {});
  const auto constraints = json::Parse(R"({"version":0.0,"binary_classification_constraints":{
    "recall":{"threshold":0.8,"comparison_operator":"LessThanThreshold"},
    "precision":{"threshold":0.5,"comparison_operator":"LessThanThreshold"},
    "false_positive_rate":{"threshold":0.3,"comparison_operator":"GreaterThanThreshold"}}})");
  const auto violations = CheckQuality(*constraints, *report);
  ASSERT_TRUE(violations);
  ASSERT_EQ(violations->size(), 2u);
  EXPECT_EQ(violations->at(0).metric, "recall");
  EXPECT_EQ(violations->at(0).check, "LessThanThreshold");
  EXPECT_EQ(violations->at(0).description, "Metric recall with 0.75 was LessThanThreshold '0.8'");
  EXPECT_EQ(violations->at(1).metric, "false_positive_rate");
  EXPECT_FALSE(CheckQuality(
      *json::Parse(R"({"binary_classification_constraints":{"auc":{"threshold":1}}})"), *report));
}

}  // namespace
}  // namespace kedge::stats::model_monitor
