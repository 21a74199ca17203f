// SPDX-License-Identifier: Apache-2.0
#include "stats/model_monitor/bias.h"

#include <cmath>
#include <gtest/gtest.h>

#include "stats/model_monitor/attribution.h"

namespace kedge::stats::model_monitor {
namespace {

constexpr double kExact = 1e-12;

void Add(std::vector<BiasRow>& rows, int count, bool in_facet, bool label, bool predicted,
         const char* group = "") {
  for (int i = 0; i < count; ++i) rows.push_back({in_facet, label, predicted, group, {}});
}

// a: TP 30, FN 10, FP 6, TN 14 of 60. d: TP 6, FN 9, FP 3, TN 22 of 40.
std::vector<BiasRow> Rows() {
  std::vector<BiasRow> rows;
  Add(rows, 30, false, true, true);
  Add(rows, 10, false, true, false);
  Add(rows, 6, false, false, true);
  Add(rows, 14, false, false, false);
  Add(rows, 6, true, true, true);
  Add(rows, 9, true, true, false);
  Add(rows, 3, true, false, true);
  Add(rows, 22, true, false, false);
  return rows;
}

TEST(Bias, BeforeTrainingByHand) {
  const BiasMetrics metrics = PreTrainingBias(Rows());
  const double qa = 40.0 / 60;
  const double qd = 15.0 / 40;
  const double m = (qa + qd) / 2;
  const auto kl = [](double p, double q) {
    return p * std::log(p / q) + (1 - p) * std::log((1 - p) / (1 - q));
  };
  EXPECT_NEAR(metrics.at("CI"), 0.2, kExact);
  EXPECT_NEAR(metrics.at("DPL"), 7.0 / 24, kExact);
  EXPECT_NEAR(metrics.at("KL"), kl(qa, qd), kExact);
  EXPECT_NEAR(metrics.at("JS"), (kl(qa, m) + kl(qd, m)) / 2, kExact);
  EXPECT_NEAR(metrics.at("LP"), std::sqrt(2.0) * 7 / 24, kExact);
  EXPECT_NEAR(metrics.at("TVD"), 7.0 / 24, kExact);
  EXPECT_NEAR(metrics.at("KS"), 7.0 / 24, kExact);
  EXPECT_NEAR(metrics.at("CDDL"), 25.0 / 45 - 15.0 / 55, kExact);  // one group
}

TEST(Bias, AfterTrainingByHand) {
  const BiasMetrics metrics = PostTrainingBias(Rows());
  EXPECT_NEAR(metrics.at("DPPL"), 36.0 / 60 - 9.0 / 40, kExact);
  EXPECT_NEAR(metrics.at("DI"), (9.0 / 40) / (36.0 / 60), kExact);
  EXPECT_NEAR(metrics.at("DCAcc"), 40.0 / 36 - 15.0 / 9, kExact);
  EXPECT_NEAR(metrics.at("DCR"), 25.0 / 31 - 20.0 / 24, kExact);
  EXPECT_NEAR(metrics.at("AD"), 44.0 / 60 - 28.0 / 40, kExact);
  EXPECT_NEAR(metrics.at("RD"), 30.0 / 40 - 6.0 / 15, kExact);
  EXPECT_NEAR(metrics.at("DAR"), 30.0 / 36 - 6.0 / 9, kExact);
  EXPECT_NEAR(metrics.at("DRR"), 22.0 / 31 - 14.0 / 24, kExact);
  EXPECT_NEAR(metrics.at("SD"), 22.0 / 25 - 14.0 / 20, kExact);
  EXPECT_NEAR(metrics.at("TE"), 9.0 / 3 - 10.0 / 6, kExact);
  EXPECT_NEAR(metrics.at("CDDPL"), 31.0 / 55 - 9.0 / 45, kExact);
  // Benefits: 72 of 1, 19 of 0, 9 of 2: mean 0.9, mean square 1.08.
  EXPECT_NEAR(metrics.at("GE"), (1.08 / 0.81 - 1) / 2, kExact);
  EXPECT_EQ(metrics.count("FT"), 0u);  // no features
}

TEST(Bias, ConditionalDisparityIsAMeanOverGroups) {
  std::vector<BiasRow>
      rows;  // in group x: 3 of 4 rejected are d, 1 of 4 accepted; in y nobody is of d
  Add(rows, 3, true, false, false, "x");
  Add(rows, 1, false, false, false, "x");
  Add(rows, 1, true, true, true, "x");
  Add(rows, 3, false, true, true, "x");
  Add(rows, 8, false, true, true, "y");
  EXPECT_NEAR(PreTrainingBias(rows).at("CDDL"), 8 * (0.75 - 0.25) / 16, kExact);
}

TEST(Bias, TheFlipTestLooksAtTheNearestOfTheOtherFacet) {
  std::vector<BiasRow> rows;
  for (int i = 0; i < 10; ++i) {
    rows.push_back({false, true, i < 5, "", {i < 5 ? 0.0 + i * 0.01 : 10.0 + i * 0.01}});
  }
  rows.push_back({true, true, false, "", {0.0}});   // neighbours favoured, itself not: F+
  rows.push_back({true, true, true, "", {10.0}});   // the other way: F-
  rows.push_back({true, true, false, "", {0.1}});   // F+
  rows.push_back({true, true, false, "", {10.1}});  // as its neighbours
  EXPECT_NEAR(PostTrainingBias(rows).at("FT"), 0.25, kExact);
}

TEST(Bias, AMetricWithoutADenominatorIsAbsent) {
  std::vector<BiasRow> rows;
  Add(rows, 5, false, true, true);
  Add(rows, 5, true, true, true);
  EXPECT_EQ(PostTrainingBias(rows).count("TE"), 0u);
  EXPECT_EQ(PostTrainingBias(rows).count("SD"), 0u);
}

TEST(CheckBias, AViolationIsFartherFromNoBiasThanTheBaseline) {
  const std::vector<FacetBias> baseline = {
      {"age", "1", {{"DPPL", 0.1}, {"DI", 0.9}, {"AD", -0.2}}}};
  const json::Value document = BiasAnalysis("post_training_bias_metrics", "y", baseline);
  const std::vector<FacetBias> current = {
      {"age", "1", {{"DPPL", -0.15}, {"DI", 1.05}, {"AD", 0.1}}}};
  const auto violations = CheckBias(document, current);
  ASSERT_TRUE(violations);
  ASSERT_EQ(violations->size(), 1u);
  EXPECT_EQ(violations->at(0).metric, "DPPL");
  EXPECT_EQ(violations->at(0).description,
            "Metric value -0.15 doesn't meet the baseline constraint requirement 0.1");
  EXPECT_EQ(CheckBias(document, baseline)->size(), 0u);
  EXPECT_FALSE(CheckBias(json::Value(json::Object()), current));
}

// ---- Attribution ----

TEST(Shapley, OfALinearModelIsExact) {
  const Model model = [](std::span<const double> rows) -> Result<std::vector<double>> {
    std::vector<double> outputs;
    for (size_t i = 0; i < rows.size(); i += 3) {
      outputs.push_back(2 * rows[i] - 3 * rows[i + 1] + 0.5 * rows[i + 2]);
    }
    return outputs;
  };
  const double row[] = {1, 2, 4};
  const double reference[] = {0, 1, 0};
  const auto values = ShapleyValues(model, row, reference, {.orders = 1});
  ASSERT_TRUE(values);
  EXPECT_NEAR((*values)[0], 2, kExact);
  EXPECT_NEAR((*values)[1], -3, kExact);
  EXPECT_NEAR((*values)[2], 2, kExact);
}

TEST(Shapley, SharesAnInteractionAndAddsUp) {
  const Model model = [](std::span<const double> rows) -> Result<std::vector<double>> {
    std::vector<double> outputs;
    for (size_t i = 0; i < rows.size(); i += 3) {
      outputs.push_back(rows[i] * rows[i + 1] * rows[i + 2] + rows[i]);
    }
    return outputs;
  };
  const double row[] = {1, 1, 1};
  const double reference[] = {0, 0, 0};
  // By hand: the product's 1 is shared by the three, and x0 has its own 1.
  const auto values = ShapleyValues(model, row, reference, {.orders = 4000});
  ASSERT_TRUE(values);
  EXPECT_NEAR((*values)[0], 4.0 / 3, 0.02);
  EXPECT_NEAR((*values)[1], 1.0 / 3, 0.02);
  EXPECT_NEAR((*values)[0] + (*values)[1] + (*values)[2], 2, 1e-9);
}

TEST(Shapley, RefusesRowsThatDoNotFit) {
  const Model model = [](std::span<const double>) -> Result<std::vector<double>> {
    return std::vector<double>{1};
  };
  const double two[] = {1, 2};
  const double one[] = {1};
  EXPECT_FALSE(ShapleyValues(model, two, one, {}));
  EXPECT_FALSE(ShapleyValues(model, {}, {}, {}));
  EXPECT_FALSE(ShapleyValues(model, two, two, {}));  // one output for three rows
}

TEST(AttributionNdcg, IsOneInTheSameOrder) {
  const std::vector<double> baseline = {0.5, 0.3, 0.1};
  EXPECT_DOUBLE_EQ(AttributionNdcg(baseline, std::vector<double>{5.0, 3.0, 1.0}), 1);
  // The worst order: (0.1 + 0.3/log2(3) + 0.5/2) / (0.5 + 0.3/log2(3) + 0.1/2)
  const double middle = 0.3 / std::log2(3.0);
  EXPECT_NEAR(AttributionNdcg(baseline, std::vector<double>{1.0, 2.0, 3.0}),
              (0.1 + middle + 0.25) / (0.5 + middle + 0.05), kExact);
  EXPECT_DOUBLE_EQ(AttributionNdcg(std::vector<double>{0, 0}, std::vector<double>{1, 2}), 1);
  EXPECT_EQ(GlobalAttribution({{1, -2}, {-3, 4}}), (std::vector<double>{2, 3}));
}

}  // namespace
}  // namespace kedge::stats::model_monitor
