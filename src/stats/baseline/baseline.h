// The baseline of a model: which features are watched, and how they were distributed when nobody
// complained. docs/formats/baseline.md is the format.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stats/counts/counts.h"
#include "stats/counts/report.h"
#include "stats/features/feature_plan.h"

namespace kedge::stats {

inline constexpr size_t kBaselineBytesMax = 4 << 20;
inline constexpr size_t kClassesMax = 1000;
inline constexpr size_t kFeatureNameBytesMax = 128;
inline constexpr size_t kCategoryBytesMax = 64;
inline constexpr size_t kNamedCategoriesMax = kCategoryBinsMax - 2;  // the most frequent
inline constexpr size_t kOtherCategoriesMax = 224;                   // known, counted as "other"
inline constexpr uint64_t kBaselineRowsMax = uint64_t{1} << 48;
inline constexpr uint64_t kCalibrationRowsMax = uint64_t{1} << 40;
inline constexpr uint32_t kStrideMax = 1'000'000;
inline constexpr size_t kHours = 24;
inline constexpr size_t kCalibrationBins = 16;

// How a value at an hour (UTC) of the day is made comparable: what At gives is taken off it. Means
// stand at the middles of their hours and are interpolated between them: steps would leave movement
// inside an hour, which a detector rightly sees.
struct Season {
  std::array<double, kHours> mean{};  // of that hour, less the mean of all
  double explained = 0;               // share of the variance, above 0.1

  double At(int64_t time_ms) const;  // Unix time
  friend bool operator==(const Season&, const Season&) = default;
};

struct FeatureBaseline {
  std::string name;  // unique
  FeatureUse use;
  bool categorical = false;
  // Numeric: cut points of 16 bins at kBaselineQuantiles (after the season is taken off).
  Cuts cuts{};
  // Categorical: the most frequent first; a number is written as an integer ("3"). Bins are these,
  // then "other" (known_others), then "unseen".
  std::vector<std::string> categories;
  std::vector<std::string> known_others;
  std::vector<uint64_t> counts;  // of the reference, one a bin
  uint64_t nulls = 0;
  uint64_t nans = 0;
  double mean = 0;       // numeric, of finite values
  double deviation = 1;  // likewise, above 0
  double min = 0;
  double max = 0;
  double tolerance = 0.05;  // minimum effect in deviations
  uint32_t stride = 1;      // first lag at which the autocorrelation is at most 0.1
  uint32_t frozen_max = 0;  // longest run of equal values that is normal; 0: not checked
  std::optional<Season> season;

  FeatureShape shape() const {
    return {.bins = static_cast<uint8_t>(counts.size()),
            .categorical = categorical,
            .strided = stride > 1};
  }
  uint64_t values() const {
    uint64_t sum = 0;
    for (const uint64_t count : counts) sum += count;
    return sum;
  }
  friend bool operator==(const FeatureBaseline&, const FeatureBaseline&) = default;
};

// What labels say of a classifier, for estimates of its quality without labels.
struct LabelledQuality {
  std::vector<std::vector<uint64_t>> confusion;  // [true class][predicted class]
  // By the largest probability in 16 equal bins of 0 to 1: rows, sum of the probability in
  // millionths, and how many were right.
  std::array<uint64_t, kCalibrationBins> calibration_rows{};
  std::array<uint64_t, kCalibrationBins> calibration_confidence_ppm{};
  std::array<uint64_t, kCalibrationBins> calibration_right{};

  friend bool operator==(const LabelledQuality&, const LabelledQuality&) = default;
};

struct Baseline {
  uint64_t rows = 0;  // of the reference
  std::vector<TensorUse> tensors;
  std::vector<FeatureBaseline> features;
  std::vector<std::string> classes;  // names by number; empty: unknown
  std::optional<LabelledQuality> quality;

  std::vector<FeatureShape> shapes() const;
  // Index of a feature by name, or features.size().
  size_t Find(std::string_view name) const;
  friend bool operator==(const Baseline&, const Baseline&) = default;
};

// The number by which a category goes through code that knows numbers only: "3" is 3; another text
// that the feature's lists hold has a number of its own, above 2^54; one that they do not is NaN.
double CategoryNumber(const FeatureBaseline& feature, std::string_view text);

// kInvalidArgument or kResourceExhausted unless every member is as the format demands.
Status CheckBaseline(const Baseline& baseline);

// The one canonical text. The baseline must be one that CheckBaseline accepts.
std::string WriteBaseline(const Baseline& baseline);

// kInvalidArgument for anything but the canonical text of a baseline that CheckBaseline accepts;
// kUnimplemented for another format version, naming it; kResourceExhausted above a limit.
Result<Baseline> ParseBaseline(std::string_view text);

// SHA-256 of the text: what reports name it by.
BaselineId BaselineIdOf(std::string_view text);
std::string ToHex(const BaselineId& id);

}  // namespace kedge::stats
