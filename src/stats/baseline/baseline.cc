// What a sound baseline is.
// SPDX-License-Identifier: Apache-2.0
#include "stats/baseline/baseline.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "base/crypto/crypto.h"

namespace kedge::stats {
namespace {

Status CheckText(std::string_view what, std::string_view text, size_t bytes_max) {
  const auto printable = [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; };
  if (text.empty() || text.size() > bytes_max || !std::all_of(text.begin(), text.end(), printable))
    return InvalidArgument(std::string(what) + " has " + std::to_string(text.size()) +
                           " bytes or one that is not printable, 1 to " +
                           std::to_string(bytes_max) + " are allowed");
  return {};
}

Status CheckNumeric(const FeatureBaseline& feature) {
  if (feature.counts.size() != kNumericBins)
    return InvalidArgument("a numeric feature has 16 counts, not " +
                           std::to_string(feature.counts.size()));
  const auto finite = [](double x) { return std::isfinite(x); };
  if (!std::all_of(feature.cuts.begin(), feature.cuts.end(), finite) ||
      !std::is_sorted(feature.cuts.begin(), feature.cuts.end()))
    return InvalidArgument("cut points are not finite or not ascending");
  if (!finite(feature.mean) || !finite(feature.min) || !finite(feature.max) ||
      !finite(feature.deviation) || feature.deviation <= 0 || feature.min > feature.max)
    return InvalidArgument("mean, deviation or range make no sense");
  if (!feature.categories.empty() || !feature.known_others.empty())
    return InvalidArgument("a numeric feature has categories");
  if (!feature.season) return {};
  const Season& season = *feature.season;
  if (!std::all_of(season.mean.begin(), season.mean.end(), finite) ||
      !(season.explained > 0 && season.explained <= 1))
    return InvalidArgument("season makes no sense");
  return {};
}

Status CheckCategorical(const FeatureBaseline& feature) {
  if (feature.categories.empty() || feature.categories.size() > kNamedCategoriesMax ||
      feature.known_others.size() > kOtherCategoriesMax)
    return InvalidArgument(std::to_string(feature.categories.size()) + " categories and " +
                           std::to_string(feature.known_others.size()) +
                           " others, 1 to 32 and at most 224 are allowed");
  if (feature.counts.size() != feature.categories.size() + 2)
    return InvalidArgument(std::to_string(feature.counts.size()) + " counts of " +
                           std::to_string(feature.categories.size()) + " categories");
  if (feature.season) return InvalidArgument("a categorical feature has a season");
  std::set<std::string_view> seen;
  for (const auto* list : {&feature.categories, &feature.known_others}) {
    for (const std::string& category : *list) {
      KEDGE_TRY_STATUS(CheckText("a category", category, kCategoryBytesMax));
      if (!seen.insert(category).second)
        return InvalidArgument("category '" + category + "' stands twice");
    }
  }
  return {};
}

Status CheckFeature(const FeatureBaseline& feature) {
  KEDGE_TRY_STATUS(CheckText("a name", feature.name, kFeatureNameBytesMax));
  if (IsCategorical(feature.use.statistic) && !feature.categorical)
    return InvalidArgument("statistic is always categorical");
  if (feature.categorical && !IsCategorical(feature.use.statistic) &&
      feature.use.statistic != Statistic::kColumn)
    return InvalidArgument("statistic is never categorical");
  KEDGE_TRY_STATUS(feature.categorical ? CheckCategorical(feature) : CheckNumeric(feature));
  uint64_t values = feature.nulls;
  for (const uint64_t count : feature.counts) {
    if (count > kBaselineRowsMax || (values += count) > kBaselineRowsMax)
      return ResourceExhausted("counts have more than 2^48 values");
  }
  if (feature.values() == 0) return InvalidArgument("no value was counted");
  if (!(feature.tolerance > 0 && feature.tolerance <= 1))
    return InvalidArgument("tolerance is not in (0, 1]");
  if (feature.stride < 1 || feature.stride > kStrideMax)
    return InvalidArgument("stride is " + std::to_string(feature.stride) + ", not 1 to " +
                           std::to_string(kStrideMax));
  return {};
}

Status CheckQuality(const LabelledQuality& quality) {
  const size_t classes = quality.confusion.size();
  if (classes < 2 || classes > kClassesMax)
    return InvalidArgument("confusion matrix has " + std::to_string(classes) +
                           " classes, 2 to 1000 are allowed");
  for (const auto& row : quality.confusion) {
    if (row.size() != classes) return InvalidArgument("confusion matrix is not square");
    for (const uint64_t count : row) {
      if (count > kBaselineRowsMax) return ResourceExhausted("confusion matrix has too many rows");
    }
  }
  for (size_t i = 0; i < kCalibrationBins; ++i) {
    const uint64_t rows = quality.calibration_rows[i];
    if (rows > kCalibrationRowsMax || quality.calibration_right[i] > rows ||
        quality.calibration_confidence_ppm[i] > rows * 1'000'000)
      return InvalidArgument("calibration bin " + std::to_string(i) + " makes no sense");
  }
  return {};
}

}  // namespace

std::vector<FeatureShape> Baseline::shapes() const {
  std::vector<FeatureShape> shapes;
  shapes.reserve(features.size());
  for (const FeatureBaseline& feature : features) shapes.push_back(feature.shape());
  return shapes;
}

size_t Baseline::Find(std::string_view name) const {
  const auto found = std::find_if(features.begin(), features.end(),
                                  [name](const auto& feature) { return feature.name == name; });
  return static_cast<size_t>(found - features.begin());
}

double Season::At(int64_t time_ms) const {
  constexpr int64_t kHourMs = 3'600'000;
  constexpr int64_t kDayMs = 24 * kHourMs;
  // From the middle of the hour before, in hours.
  const int64_t since = ((time_ms - kHourMs / 2) % kDayMs + kDayMs) % kDayMs;
  const auto before = static_cast<size_t>(since / kHourMs);
  const double share = static_cast<double>(since % kHourMs) / static_cast<double>(kHourMs);
  return mean[before] + share * (mean[(before + 1) % kHours] - mean[before]);
}

double CategoryNumber(const FeatureBaseline& feature, std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && std::to_string(number) == text &&
      std::abs(number) <= int64_t{1} << 53)
    return static_cast<double>(number);
  double code = 0x1p54;
  for (const auto* list : {&feature.categories, &feature.known_others}) {
    for (const std::string& category : *list) {
      code += 4;  // exact: doubles are 4 apart there
      if (category == text) return code;
    }
  }
  return std::numeric_limits<double>::quiet_NaN();
}

Status CheckBaseline(const Baseline& baseline) {
  if (baseline.features.size() > kFeaturesMax || baseline.classes.size() > kClassesMax)
    return ResourceExhausted("baseline has " + std::to_string(baseline.features.size()) +
                             " features and " + std::to_string(baseline.classes.size()) +
                             " classes, at most 512 and 1000 are allowed");
  if (baseline.rows < 1 || baseline.rows > kBaselineRowsMax)
    return InvalidArgument("baseline has " + std::to_string(baseline.rows) + " rows");
  std::set<std::string_view> names;
  std::vector<FeatureUse> uses;
  for (const FeatureBaseline& feature : baseline.features) {
    if (Status status = CheckFeature(feature); !status)
      return Wrap(status.error(), "feature '" + feature.name + "'");
    if (!names.insert(feature.name).second)
      return InvalidArgument("feature '" + feature.name + "' stands twice");
    uses.push_back(feature.use);
  }
  for (const TensorUse& use : baseline.tensors) {
    if (use.name.size() > kFeatureNameBytesMax)
      return InvalidArgument("name of a tensor has " + std::to_string(use.name.size()) + " bytes");
  }
  for (const std::string& name : baseline.classes)
    KEDGE_TRY_STATUS(CheckText("a class name", name, kCategoryBytesMax));
  if (baseline.quality) KEDGE_TRY_STATUS(CheckQuality(*baseline.quality));
  KEDGE_TRY_STATUS(FeaturePlan::Make(baseline.tensors, std::move(uses)));
  return {};
}

BaselineId BaselineIdOf(std::string_view text) {
  const auto digest = crypto::Sha256(AsBytes(text));
  BaselineId id{};
  std::copy(digest.begin(), digest.end(), id.begin());
  return id;
}

std::string ToHex(const BaselineId& id) { return HexEncode(id); }

}  // namespace kedge::stats
