// Baselines for tests.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "stats/baseline/baseline.h"

namespace kedge::stats::testing {

// Counts of `rows` values that fell exactly as a baseline's quantiles say.
inline std::vector<uint64_t> QuantileCounts(uint64_t rows) {
  std::vector<uint64_t> counts;
  for (const uint64_t share : {1, 9, 30, 60, 100, 120, 100, 80, 80, 100, 120, 100, 60, 30, 9, 1})
    counts.push_back(rows * share / 1000);
  return counts;
}

// A standard normal feature: column `column` of tensor 0.
inline FeatureBaseline GaussianFeature(std::string name, uint32_t column, uint64_t rows) {
  FeatureBaseline feature{.name = std::move(name),
                          .use = {.tensor = 0, .argument = column},
                          .cuts = {-3.0902, -2.3263, -1.7507, -1.2816, -0.8416, -0.4677, -0.2019, 0,
                                   0.2019, 0.4677, 0.8416, 1.2816, 1.7507, 2.3263, 3.0902},
                          .counts = QuantileCounts(rows),
                          .min = -4.5,
                          .max = 4.5};
  return feature;
}

// `features` independent standard normal columns of one f32 input.
inline Baseline GaussianBaseline(size_t features, uint64_t rows) {
  Baseline baseline{.rows = rows,
                    .tensors = {{.name = "x",
                                 .dtype = DType::kF32,
                                 .shape = Shape{1, static_cast<int64_t>(features)},
                                 .role = Role::kColumns}}};
  for (size_t i = 0; i < features; ++i)
    baseline.features.push_back(
        GaussianFeature("x" + std::to_string(i), static_cast<uint32_t>(i), rows));
  return baseline;
}

// One of everything that the format has.
inline Baseline RichBaseline() {
  Baseline baseline = GaussianBaseline(2, 100'000);
  baseline.tensors.push_back({.side = Side::kOutput,
                              .name = "scores",
                              .dtype = DType::kF16,
                              .shape = Shape{1, 3},
                              .role = Role::kScores,
                              .logits = true});
  baseline.tensors.push_back({.index = 1,
                              .name = "picture",
                              .dtype = DType::kU8,
                              .shape = Shape{1, 8, 8, 3},
                              .role = Role::kImage,
                              .channels_last = true});
  baseline.tensors.push_back({.side = Side::kOutput,
                              .index = 1,
                              .name = "embedding",
                              .shape = Shape{1, 4},
                              .role = Role::kEmbedding,
                              .seed = 7,
                              .prototypes = {{0, 0.5F, -1, 3e-20F}, {1, 2, 3, 4}}});
  FeatureBaseline& season = baseline.features[0];
  season.season.emplace();
  season.season->explained = 0.25;
  for (size_t h = 0; h < kHours; ++h) season.season->mean[h] = static_cast<double>(h) / 10 - 1.15;
  season.stride = 12;
  season.frozen_max = 3;
  baseline.features[1] = {.name = "class",
                          .use = {.tensor = 1, .statistic = Statistic::kClass},
                          .categorical = true,
                          .categories = {"2", "0"},
                          .known_others = {"1"},
                          .counts = {60, 30, 10, 0}};
  baseline.features.push_back({.name = "brightness",
                               .use = {.tensor = 2, .statistic = Statistic::kImageMean},
                               .cuts = baseline.features[0].cuts,
                               .counts = QuantileCounts(3000),
                               .nulls = 4,
                               .nans = 5,
                               .mean = 0.5,
                               .deviation = 1e-30,
                               .min = -1e25,
                               .max = 123456789012345680000.0});
  baseline.features.push_back(
      {.name = "shadow 3",
       .use = {.tensor = 3, .statistic = Statistic::kEmbeddingProjection, .argument = 3},
       .cuts = {},
       .counts = QuantileCounts(1000)});
  baseline.classes = {"cat", "dog", "bird"};
  baseline.quality.emplace();
  baseline.quality->confusion = {{30, 1, 0}, {2, 9, 1}, {0, 0, 60}};
  baseline.quality->calibration_rows[3] = 7;
  baseline.quality->calibration_confidence_ppm[3] = 1'600'000;
  baseline.quality->calibration_right[3] = 2;
  return baseline;
}

}  // namespace kedge::stats::testing
