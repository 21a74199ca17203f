// SPDX-License-Identifier: Apache-2.0
#include "stats/features/feature_plan.h"

#include <cmath>
#include <gtest/gtest.h>
#include <map>
#include <random>

#include "stats/features/embedding.h"
#include "stats/features/scores.h"
#include "stats/features/series.h"

namespace kedge::stats {
namespace {

struct Recorder final : ValueSink {
  size_t rows = 0;
  std::map<size_t, std::vector<double>> values;
  void BeginRow() override { ++rows; }
  void Value(size_t feature, double value) override { values[feature].push_back(value); }
};

TensorUse Use(Role role, Shape shape, DType dtype = DType::kF32) {
  return {.name = "t", .dtype = dtype, .shape = std::move(shape), .role = role};
}

// Values of the features of one tensor, which is the model's only input.
std::map<size_t, std::vector<double>> ValuesOf(const TensorUse& use,
                                               std::vector<FeatureUse> features,
                                               const std::vector<Tensor>& inferences) {
  auto plan = FeaturePlan::Make({use}, std::move(features));
  EXPECT_TRUE(plan) << plan.error().message;
  Recorder recorder;
  for (const Tensor& tensor : inferences) {
    const TensorView view = TensorView::Of(tensor);
    EXPECT_TRUE(plan->Compute({&view, 1}, {}, recorder));
  }
  return recorder.values;
}

TEST(FeaturePlan, ReadsColumnsOfEveryType) {
  for (const DType dtype :
       {DType::kF32, DType::kF64, DType::kF16, DType::kBf16, DType::kI8, DType::kI16, DType::kI32,
        DType::kI64, DType::kU8, DType::kU16, DType::kU32, DType::kU64, DType::kBool}) {
    SCOPED_TRACE(DTypeName(dtype));
    Tensor tensor(dtype, {2, 3});
    const Tensor random = RandomTensor(dtype, {2, 3}, 5);
    const auto values =
        ValuesOf(Use(Role::kColumns, {1, 3}, dtype),
                 {{.statistic = Statistic::kColumn, .argument = 2}, {.argument = 0}}, {random});
    EXPECT_EQ(values.at(0),
              (std::vector<double>{ElementAsDouble(random, 2), ElementAsDouble(random, 5)}));
    EXPECT_EQ(values.at(1),
              (std::vector<double>{ElementAsDouble(random, 0), ElementAsDouble(random, 3)}));
  }
}

TEST(FeaturePlan, SummarizesScores) {
  const TensorUse use = Use(Role::kScores, {1, 3});
  const std::vector<FeatureUse> features = {{.statistic = Statistic::kProbability, .argument = 1},
                                            {.statistic = Statistic::kMaxProbability},
                                            {.statistic = Statistic::kMargin},
                                            {.statistic = Statistic::kEntropy},
                                            {.statistic = Statistic::kClass},
                                            {.statistic = Statistic::kClassChange}};
  const Tensor first = Tensor::Of<float>(DType::kF32, {1, 3}, {0.5F, 0.25F, 0.25F});
  const Tensor second = Tensor::Of<float>(DType::kF32, {1, 3}, {0, 1, 0});
  const auto values = ValuesOf(use, features, {first, second, second});
  EXPECT_EQ(values.at(0), (std::vector<double>{0.25, 1, 1}));
  EXPECT_EQ(values.at(1), (std::vector<double>{0.5, 1, 1}));
  EXPECT_EQ(values.at(2), (std::vector<double>{0.25, 1, 1}));
  EXPECT_NEAR(values.at(3)[0], 1.5 * std::log(2.0), 1e-6);
  EXPECT_EQ(values.at(4), (std::vector<double>{0, 1, 1}));
  EXPECT_EQ(values.at(5), (std::vector<double>{1, 0}));
}

TEST(FeaturePlan, OfLogitsIsTheirSoftmax) {
  TensorUse use = Use(Role::kScores, {1, 2});
  use.logits = true;
  const Tensor logits = Tensor::Of<float>(DType::kF32, {1, 2}, {1000, 1000 + std::log(3.0F)});
  const auto values = ValuesOf(use, {{.statistic = Statistic::kMaxProbability}}, {logits});
  EXPECT_NEAR(values.at(0)[0], 0.75, 1e-4);
}

TEST(FeaturePlan, OfScoresThatAreNoNumbersIsNan) {
  for (const float bad : {NAN, INFINITY, -1.0F}) {
    const Tensor scores = Tensor::Of<float>(DType::kF32, {1, 2}, {0.5F, bad});
    const auto values =
        ValuesOf(Use(Role::kScores, {1, 2}),
                 {{.statistic = Statistic::kEntropy}, {.statistic = Statistic::kClass}}, {scores});
    EXPECT_TRUE(std::isnan(values.at(0)[0]));
    EXPECT_TRUE(std::isnan(values.at(1)[0]));
  }
}

TEST(FeaturePlan, CountsBoxesAndMeasuresThem) {
  const Tensor boxes = Tensor::Of<float>(
      DType::kF32, {1, 3, 6},
      {10, 20, 30, 60, 0.9F, 2, /* no box */ 0, 0, 9, 9, 0, 1, 0, 0, 10, 10, 0.4F, 7});
  const auto values = ValuesOf(Use(Role::kDetections, {1, 3, 6}),
                               {{.statistic = Statistic::kBoxes},
                                {.statistic = Statistic::kBoxArea},
                                {.statistic = Statistic::kBoxAspect},
                                {.statistic = Statistic::kBoxCentreX},
                                {.statistic = Statistic::kBoxCentreY},
                                {.statistic = Statistic::kBoxClass}},
                               {boxes});
  EXPECT_EQ(values.at(0), (std::vector<double>{2}));
  EXPECT_EQ(values.at(1), (std::vector<double>{800, 100}));
  EXPECT_EQ(values.at(2), (std::vector<double>{0.5, 1}));
  EXPECT_EQ(values.at(3), (std::vector<double>{20, 5}));
  EXPECT_EQ(values.at(4), (std::vector<double>{40, 5}));
  EXPECT_EQ(values.at(5), (std::vector<double>{2, 7}));
}

// Norms and projections of Gaussian embeddings: known in closed form.
TEST(FeaturePlan, ProjectsEmbeddings) {
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal;
  TensorUse use = Use(Role::kEmbedding, {1, 256});
  use.prototypes = {std::vector<float>(256, 0.0F), std::vector<float>(256, 100.0F)};
  std::vector<Tensor> inferences;
  for (int i = 0; i < 500; ++i) {
    Tensor& tensor = inferences.emplace_back(DType::kF32, Shape{1, 256});
    for (float& x : tensor.As<float>()) x = normal(random);
  }
  const auto values = ValuesOf(use,
                               {{.statistic = Statistic::kEmbeddingNorm},
                                {.statistic = Statistic::kEmbeddingDistance},
                                {.statistic = Statistic::kEmbeddingProjection, .argument = 0},
                                {.statistic = Statistic::kEmbeddingProjection, .argument = 15}},
                               inferences);
  EXPECT_EQ(values.at(0), values.at(1));  // the prototype at the origin is the nearest
  double norm = 0, square = 0, product = 0;
  for (size_t i = 0; i < 500; ++i) {
    norm += values.at(0)[i] / 500;
    square += values.at(2)[i] * values.at(2)[i] / 500;
    product += values.at(2)[i] * values.at(3)[i] / 500;
  }
  EXPECT_NEAR(norm, 16, 0.2);
  EXPECT_NEAR(square, 1, 0.3);   // five standard errors
  EXPECT_NEAR(product, 0, 0.3);  // directions are nearly orthogonal
}

TEST(FeaturePlan, SummarizesWindowsOfSeries) {
  Tensor tensor(DType::kF32, {1, 2, 1024});
  for (size_t i = 0; i < 1024; ++i) {
    tensor.As<float>()[i] = 3 + static_cast<float>(std::sin(static_cast<double>(i) * M_PI / 2));
    tensor.As<float>()[1024 + i] = 7;  // a channel that is stuck
  }
  const auto values = ValuesOf(Use(Role::kSeries, {1, 2, 1024}),
                               {{.statistic = Statistic::kSeriesMean},
                                {.statistic = Statistic::kSeriesRms},
                                {.statistic = Statistic::kSeriesKurtosis},
                                {.statistic = Statistic::kSeriesCrest},
                                {.statistic = Statistic::kSeriesBand, .argument = 0},
                                {.statistic = Statistic::kSeriesBand, .argument = 3},
                                {.statistic = Statistic::kSeriesRms, .argument = 1},
                                {.statistic = Statistic::kSeriesCrest, .argument = 1}},
                               {tensor});
  EXPECT_NEAR(values.at(0)[0], 3, 1e-6);
  EXPECT_NEAR(values.at(1)[0], std::sqrt(0.5), 1e-6);
  EXPECT_NEAR(values.at(2)[0], 2, 1e-5);  // values 0 and +-1, half each
  EXPECT_NEAR(values.at(3)[0], std::sqrt(2.0), 1e-5);
  EXPECT_GT(values.at(4)[0], values.at(5)[0] + 3);  // all energy at a quarter of the rate
  EXPECT_EQ(values.at(6)[0], 0);
  EXPECT_TRUE(std::isnan(values.at(7)[0]));
}

TEST(FeaturePlan, GivesNothingForTensorsOfOtherTypesOrShapes) {
  auto plan = FeaturePlan::Make({Use(Role::kColumns, {1, 3})}, {{}});
  ASSERT_TRUE(plan);
  Recorder recorder;
  const std::vector<Tensor> others = {Tensor(DType::kF64, {1, 3}), Tensor(DType::kF32, {1, 4}),
                                      Tensor(DType::kF32, {3}), Tensor(DType::kF32, {1, 3, 1})};
  for (const Tensor& tensor : others) {
    const TensorView view = TensorView::Of(tensor);
    EXPECT_FALSE(plan->Compute({&view, 1}, {}, recorder));
  }
  EXPECT_FALSE(plan->Compute({}, {}, recorder));
  const std::array<int64_t, 2> dims = {1, 3};
  const TensorView truncated{.dtype = DType::kF32, .dims = dims, .bytes = {}};
  EXPECT_FALSE(plan->Compute({&truncated, 1}, {}, recorder));
  EXPECT_EQ(recorder.rows, 0u);
}

struct Refusal {
  const char* name;
  TensorUse tensor;
  FeatureUse feature;
};

TEST(FeaturePlan, RefusesUsesThatContradictThemselves) {
  TensorUse prototype = Use(Role::kEmbedding, {1, 4});
  prototype.prototypes = {{1, 2, 3}};
  TensorUse flat = Use(Role::kImage, {1, 3, 8, 8});
  flat.white = flat.black;
  const std::vector<Refusal> cases = {
      {"tensor out of range", Use(Role::kColumns, {1, 3}), {.tensor = 1}},
      {"column out of range", Use(Role::kColumns, {1, 3}), {.argument = 3}},
      {"statistic of another role", Use(Role::kColumns, {1, 3}), {.statistic = Statistic::kMargin}},
      {"no image", Use(Role::kImage, {1, 3}), {.statistic = Statistic::kImageMean}},
      {"two channels", Use(Role::kImage, {1, 2, 8, 8}), {.statistic = Statistic::kImageMean}},
      {"image too small", Use(Role::kImage, {1, 1, 2, 8}), {.statistic = Statistic::kImageMean}},
      {"black is white", flat, {.statistic = Statistic::kImageMean}},
      {"boxes too short", Use(Role::kDetections, {1, 9, 5}), {.statistic = Statistic::kBoxes}},
      {"one class", Use(Role::kScores, {1, 1}), {.statistic = Statistic::kMargin}},
      {"prototype of another size", prototype, {.statistic = Statistic::kEmbeddingNorm}},
      {"no prototypes",
       Use(Role::kEmbedding, {1, 4}),
       {.statistic = Statistic::kEmbeddingDistance}},
      {"band out of range",
       Use(Role::kSeries, {1, 2, 64}),
       {.statistic = Statistic::kSeriesBand, .argument = 16}},
  };
  for (const Refusal& refusal : cases) {
    SCOPED_TRACE(refusal.name);
    const auto plan = FeaturePlan::Make({refusal.tensor}, {refusal.feature});
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().code, Code::kInvalidArgument);
  }
  const auto many = FeaturePlan::Make({Use(Role::kColumns, {1, 3})}, std::vector<FeatureUse>(513));
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().code, Code::kResourceExhausted);
}

TEST(Statistics, HaveNamesThatReadBack) {
  for (size_t i = 0; i < kStatistics; ++i) {
    const auto statistic = static_cast<Statistic>(i);
    const auto back = ParseStatistic(StatisticName(statistic));
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, statistic);
  }
  EXPECT_FALSE(ParseStatistic("sharpness"));
  EXPECT_FALSE(ParseRole("sound"));
}

}  // namespace
}  // namespace kedge::stats
