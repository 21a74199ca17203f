// SPDX-License-Identifier: Apache-2.0
#include "stats/baseline/builder.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

#include "stats/baseline/testing/sample_baseline.h"

namespace kedge::stats {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kHourMs = 3'600'000;

TensorUse Table(size_t columns) {
  return {.name = "x",
          .dtype = DType::kF64,
          .shape = Shape{1, static_cast<int64_t>(columns)},
          .role = Role::kColumns};
}

BaselineBuilder TableBuilder(size_t columns, const BuilderOptions& options = {}) {
  std::vector<WantedFeature> features;
  for (uint32_t c = 0; c < columns; ++c)
    features.push_back({"c" + std::to_string(c), {.argument = c}});
  auto builder = BaselineBuilder::Make({Table(columns)}, features, options);
  EXPECT_TRUE(builder);
  return std::move(*builder);
}

TEST(BaselineBuilder, CutsAtTheQuantilesAndCounts) {
  BaselineBuilder builder = TableBuilder(2);
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal(10, 3);
  for (int i = 0; i < 10'000; ++i)
    ASSERT_TRUE(builder.ObserveRow(std::vector<Cell>{normal(random), normal(random)}, {}));
  const auto baseline = builder.Finish({});
  ASSERT_TRUE(baseline) << baseline.error().message;
  EXPECT_EQ(baseline->rows, 10'000u);
  const FeatureBaseline& feature = baseline->features[0];
  EXPECT_EQ(feature.counts, testing::QuantileCounts(10'000));
  EXPECT_EQ(baseline->features[1].counts, feature.counts);  // so that they share a table
  EXPECT_NEAR(feature.cuts[7], 10, 0.2);                    // five standard errors of a median
  EXPECT_NEAR(feature.mean, 10, 0.15);
  EXPECT_NEAR(feature.deviation, 3, 0.15);
  EXPECT_EQ(feature.stride, 1u);
  EXPECT_DOUBLE_EQ(feature.tolerance, 0.05);
  EXPECT_FALSE(feature.season);
  EXPECT_TRUE(ParseBaseline(WriteBaseline(*baseline)));
}

TEST(BaselineBuilder, WidensTheToleranceOfFewRows) {
  BaselineBuilder builder = TableBuilder(1);
  std::mt19937_64 random(2);
  std::normal_distribution<double> normal;
  for (int i = 0; i < 400; ++i)
    ASSERT_TRUE(builder.ObserveRow(std::vector<Cell>{normal(random)}, {}));
  EXPECT_DOUBLE_EQ(builder.Finish({})->features[0].tolerance, 3 / std::sqrt(400));
}

// Of an AR(1) process the autocorrelation at lag k is rho^k.
TEST(BaselineBuilder, MeasuresTheStride) {
  for (const auto& [rho, low, high] : {std::tuple{0.0, 1u, 1u}, std::tuple{0.5, 3u, 5u},
                                       std::tuple{0.9, 17u, 28u}, std::tuple{0.99, 140u, 330u}}) {
    std::mt19937_64 random(3);
    std::normal_distribution<double> normal;
    std::vector<double> values;
    double x = 0;
    for (int i = 0; i < 100'000; ++i)
      values.push_back(x = rho * x + std::sqrt(1 - rho * rho) * normal(random));
    const uint32_t stride = DecorrelationStride(values);
    EXPECT_GE(stride, low) << rho;
    EXPECT_LE(stride, high) << rho;
  }
  EXPECT_EQ(DecorrelationStride(std::vector<double>(1000, 5.0)), 1u);
  EXPECT_EQ(DecorrelationStride({}), 1u);
}

TEST(BaselineBuilder, FindsADailySeasonAndTakesItOff) {
  BaselineBuilder builder = TableBuilder(2);
  std::mt19937_64 random(4);
  std::normal_distribution<double> normal;
  for (int64_t i = 0; i < 7 * 24 * 30; ++i) {
    const int64_t time_ms = i * kHourMs / 30;
    const double hour = static_cast<double>(time_ms) / kHourMs;
    ASSERT_TRUE(builder.ObserveRow(
        std::vector<Cell>{20 + 5 * std::sin(hour / 24 * 2 * M_PI) + normal(random), normal(random)},
        time_ms));
  }
  const auto baseline = builder.Finish({});
  ASSERT_TRUE(baseline);
  ASSERT_TRUE(baseline->features[0].season);
  EXPECT_NEAR(baseline->features[0].season->explained, 12.5 / 13.5, 0.02);
  EXPECT_NEAR(baseline->features[0].season->mean[6], 5, 0.4);
  EXPECT_NEAR(baseline->features[0].season->At(18 * kHourMs), -5, 0.4);
  EXPECT_NEAR(baseline->features[0].deviation, 1, 0.05);
  EXPECT_EQ(baseline->features[0].stride, 1u);
  EXPECT_FALSE(baseline->features[1].season);
}

TEST(BaselineBuilder, TellsCategoriesNumbersAndIdentifiersApart) {
  BaselineBuilder builder = TableBuilder(4);
  std::mt19937_64 random(5);
  for (int i = 0; i < 2000; ++i) {
    ASSERT_TRUE(builder.ObserveRow(
        std::vector<Cell>{static_cast<double>(random() % 3), static_cast<double>(random() % 1000),
                          std::string(random() % 4 == 0 ? "blue" : "red"),
                          "id-" + std::to_string(i)},
        {}));
  }
  const auto baseline = builder.Finish({});
  ASSERT_TRUE(baseline);
  ASSERT_EQ(baseline->features.size(), 3u);
  EXPECT_TRUE(baseline->features[0].categorical);
  EXPECT_EQ(baseline->features[0].counts.size(), 5u);
  EXPECT_FALSE(baseline->features[1].categorical);
  EXPECT_EQ(baseline->features[2].categories, (std::vector<std::string>{"red", "blue"}));
  ASSERT_EQ(builder.notes().size(), 1u);
  EXPECT_EQ(builder.notes()[0].feature, "c3");
  EXPECT_THAT(builder.notes()[0].text, HasSubstr("identifier"));
}

TEST(BaselineBuilder, CountsNullsNansAndInfinities) {
  BaselineBuilder builder = TableBuilder(1);
  for (const double value : std::vector<double>{1.5, 2.5, 3.5, NAN, INFINITY, -INFINITY})
    ASSERT_TRUE(builder.ObserveRow(std::vector<Cell>{value}, {}));
  ASSERT_TRUE(builder.ObserveRow(std::vector<Cell>{Cell()}, {}));
  const auto baseline = builder.Finish({});
  ASSERT_TRUE(baseline);
  const FeatureBaseline& feature = baseline->features[0];
  EXPECT_EQ(feature.nulls, 1u);
  EXPECT_EQ(feature.nans, 1u);
  EXPECT_EQ(feature.values(), 5u);
  EXPECT_EQ(feature.max, 3.5);
}

TEST(BaselineBuilder, OfMoreValuesThanItKeepsUsesTheSketch) {
  BaselineBuilder builder = TableBuilder(1, {.ordered = false});
  std::mt19937_64 random(6);
  std::uniform_real_distribution<double> uniform;
  const size_t rows = kKeptValues + 100'000;
  for (size_t i = 0; i < rows; ++i)
    ASSERT_TRUE(builder.ObserveRow(std::vector<Cell>{uniform(random)}, {}));
  const auto baseline = builder.Finish({});
  ASSERT_TRUE(baseline);
  EXPECT_EQ(baseline->features[0].values(), rows);
  EXPECT_NEAR(baseline->features[0].cuts[7], 0.5, 0.006);
  EXPECT_NEAR(static_cast<double>(baseline->features[0].counts[5]), 0.12 * rows, 0.006 * rows);
}

TEST(BaselineBuilder, MakesConfusionAndCalibrationOfLabels) {
  const std::vector<TensorUse> tensors = {
      {.side = Side::kOutput, .name = "s", .shape = Shape{1, 2}, .role = Role::kScores}};
  auto builder = BaselineBuilder::Make(tensors,
                                       {{"class", {.statistic = Statistic::kClass}},
                                        {"confidence", {.statistic = Statistic::kMaxProbability}}},
                                       {});
  ASSERT_TRUE(builder);
  for (int i = 0; i < 100; ++i) {
    const float p = i % 2 == 0 ? 0.9F : 0.2F;
    const Tensor scores = Tensor::Of<float>(DType::kF32, {1, 2}, {p, 1 - p});
    const TensorView view = TensorView::Of(scores);
    ASSERT_TRUE(builder->Observe({}, {&view, 1}, {}));
    builder->Label(i % 10 == 1 ? 0 : static_cast<uint32_t>(i % 2));
  }
  const auto baseline = builder->Finish({"cat", "dog"});
  ASSERT_TRUE(baseline) << baseline.error().message;
  ASSERT_TRUE(baseline->quality);
  EXPECT_EQ(baseline->quality->confusion, (std::vector<std::vector<uint64_t>>{{50, 10}, {0, 40}}));
  EXPECT_EQ(baseline->quality->calibration_rows[14], 50u);
  EXPECT_EQ(baseline->quality->calibration_right[14], 50u);
  EXPECT_EQ(baseline->quality->calibration_confidence_ppm[14], 45'000'000u);
  EXPECT_EQ(baseline->quality->calibration_right[12], 40u);
}

TEST(BaselineBuilder, MakesPrototypesOfEmbeddings) {
  const std::vector<TensorUse> tensors = {
      {.side = Side::kOutput, .name = "e", .shape = Shape{1, 8}, .role = Role::kEmbedding}};
  auto builder =
      BaselineBuilder::Make(tensors, {{"norm", {.statistic = Statistic::kEmbeddingNorm}}}, {});
  ASSERT_TRUE(builder);
  std::mt19937_64 random(7);
  std::normal_distribution<float> normal;
  for (int i = 0; i < 400; ++i) {
    Tensor row(DType::kF32, {1, 8});
    const auto centre = static_cast<float>(random() % 4 * 50);
    for (float& x : row.As<float>()) x = normal(random) + centre;
    const TensorView view = TensorView::Of(row);
    ASSERT_TRUE(builder->Observe({}, {&view, 1}, {}));
  }
  const auto baseline = builder->Finish({});
  ASSERT_TRUE(baseline) << baseline.error().message;
  EXPECT_EQ(baseline->tensors[0].prototypes.size(), 16u);
  ASSERT_EQ(baseline->features.size(), 2u);
  EXPECT_LT(baseline->features[1].max, 10);  // clusters are 141 apart
}

TEST(BaselineBuilder, RefusesNothingAndRowsThatDoNotFit) {
  BaselineBuilder builder = TableBuilder(2);
  const auto empty = builder.Finish({});
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code, Code::kFailedPrecondition);
  EXPECT_FALSE(builder.ObserveRow(std::vector<Cell>{1.0}, {}));
  EXPECT_FALSE(builder.Observe({}, {}, {}));
  ASSERT_TRUE(builder.ObserveRow(std::vector<Cell>{Cell(), Cell()}, {}));
  const auto nulls = builder.Finish({});
  ASSERT_FALSE(nulls);
  EXPECT_EQ(nulls.error().code, Code::kFailedPrecondition);
}

}  // namespace
}  // namespace kedge::stats
