// The canonical text of a baseline, docs/formats/baseline.md.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "base/json/json.h"
#include "stats/baseline/baseline.h"

namespace kedge::stats {
namespace {

using json::Array;
using json::Object;
using json::Value;

constexpr int64_t kFormat = 1;

// Reading ------------------------------------------------------------------------------------

Error Missing(std::string_view name, std::string_view kind) {
  return InvalidArgument("member '" + std::string(name) + "' is missing or no " +
                         std::string(kind));
}

Result<std::string> String(const Value& object, std::string_view name) {
  const Value* value = object.Find(name);
  if (value == nullptr || value->AsString() == nullptr) return Missing(name, "string");
  return *value->AsString();
}

Result<bool> Bool(const Value& object, std::string_view name) {
  const Value* value = object.Find(name);
  if (value == nullptr || value->AsBool() == nullptr) return Missing(name, "boolean");
  return *value->AsBool();
}

Result<double> Number(const Value& object, std::string_view name) {
  const Value* value = object.Find(name);
  if (value == nullptr || !value->IsNumber()) return Missing(name, "number");
  return value->NumberOr(0);
}

Result<uint64_t> Count(const Value& object, std::string_view name, uint64_t max = INT64_MAX) {
  const Value* value = object.Find(name);
  const int64_t* number = value == nullptr ? nullptr : value->AsInt();
  if (number == nullptr || *number < 0 || static_cast<uint64_t>(*number) > max)
    return Missing(name, "integer of 0 to " + std::to_string(max));
  return static_cast<uint64_t>(*number);
}

Result<const Array*> List(const Value& object, std::string_view name, size_t max) {
  const Value* value = object.Find(name);
  if (value == nullptr || value->AsArray() == nullptr || value->AsArray()->size() > max)
    return Missing(name, "array of at most " + std::to_string(max));
  return value->AsArray();
}

Result<std::vector<uint64_t>> Counts(const Array& array) {
  std::vector<uint64_t> counts;
  for (const Value& value : array) {
    if (value.AsInt() == nullptr || *value.AsInt() < 0)
      return InvalidArgument("a count is no integer of 0 or more");
    counts.push_back(static_cast<uint64_t>(*value.AsInt()));
  }
  return counts;
}

Result<std::vector<std::string>> Strings(const Array& array) {
  std::vector<std::string> strings;
  for (const Value& value : array) {
    if (value.AsString() == nullptr)
      return InvalidArgument("a list holds something else than strings");
    strings.push_back(*value.AsString());
  }
  return strings;
}

template <size_t N>
Status Numbers(const Value& object, std::string_view name, std::array<double, N>& out) {
  KEDGE_TRY(const Array* array, List(object, name, N));
  if (array->size() != N) return Missing(name, "array of " + std::to_string(N) + " numbers");
  for (size_t i = 0; i < N; ++i) {
    if (!(*array)[i].IsNumber()) return Missing(name, "array of numbers");
    out[i] = (*array)[i].NumberOr(0);
  }
  return {};
}

Result<Shape> ReadShape(const Value& object) {
  KEDGE_TRY(const Array* dims, List(object, "shape", kRankMax));
  Shape shape;
  for (const Value& dim : *dims) {
    if (dim.AsInt() == nullptr) return Missing("shape", "array of integers");
    shape.dims.push_back(*dim.AsInt());
  }
  return shape;
}

Status ReadPrototypes(const Value& value, TensorUse& use) {
  KEDGE_TRY(const Array* prototypes, List(value, "prototypes", 64));
  for (const Value& prototype : *prototypes) {
    const Array* numbers = prototype.AsArray();
    if (numbers == nullptr) return Missing("prototypes", "array of arrays");
    std::vector<float>& to = use.prototypes.emplace_back();
    for (const Value& number : *numbers) {
      if (!number.IsNumber()) return Missing("prototypes", "array of arrays of numbers");
      to.push_back(static_cast<float>(number.NumberOr(0)));
    }
  }
  return {};
}

Status ReadRoleMembers(const Value& value, TensorUse& use) {
  switch (use.role) {
    case Role::kImage: {
      KEDGE_TRY(use.black, Number(value, "black"));
      KEDGE_TRY(use.white, Number(value, "white"));
      KEDGE_TRY(use.channels_last, Bool(value, "channels_last"));
      return {};
    }
    case Role::kScores: {
      KEDGE_TRY(use.logits, Bool(value, "logits"));
      return {};
    }
    case Role::kEmbedding: {
      KEDGE_TRY(use.seed, Count(value, "seed"));
      return ReadPrototypes(value, use);
    }
    default:
      return {};
  }
}

Result<TensorUse> ReadTensor(const Value& value) {
  TensorUse use;
  KEDGE_TRY(const std::string side, String(value, "side"));
  if (side != "input" && side != "output") return Missing("side", "'input' or 'output'");
  use.side = side == "input" ? Side::kInput : Side::kOutput;
  KEDGE_TRY(const uint64_t index, Count(value, "index", 1023));
  use.index = static_cast<uint32_t>(index);
  KEDGE_TRY(use.name, String(value, "name"));
  KEDGE_TRY(const std::string dtype, String(value, "dtype"));
  KEDGE_TRY(use.dtype, ParseDType(dtype));
  KEDGE_TRY(use.shape, ReadShape(value));
  KEDGE_TRY(const std::string role, String(value, "role"));
  KEDGE_TRY(use.role, ParseRole(role));
  KEDGE_TRY_STATUS(ReadRoleMembers(value, use));
  return use;
}

Status ReadNumeric(const Value& value, FeatureBaseline& feature) {
  KEDGE_TRY_STATUS(Numbers(value, "cuts", feature.cuts));
  KEDGE_TRY(feature.mean, Number(value, "mean"));
  KEDGE_TRY(feature.deviation, Number(value, "deviation"));
  KEDGE_TRY(feature.min, Number(value, "min"));
  KEDGE_TRY(feature.max, Number(value, "max"));
  const Value* season = value.Find("season");
  if (season == nullptr) return {};
  feature.season.emplace();
  KEDGE_TRY(feature.season->explained, Number(*season, "explained"));
  return Numbers(*season, "mean", feature.season->mean);
}

Status ReadCategorical(const Value& value, FeatureBaseline& feature) {
  KEDGE_TRY(const Array* categories, List(value, "categories", kNamedCategoriesMax));
  KEDGE_TRY(feature.categories, Strings(*categories));
  KEDGE_TRY(const Array* others, List(value, "known_others", kOtherCategoriesMax));
  KEDGE_TRY(feature.known_others, Strings(*others));
  return {};
}

Result<FeatureBaseline> ReadFeature(const Value& value) {
  FeatureBaseline feature;
  KEDGE_TRY(feature.name, String(value, "name"));
  KEDGE_TRY(const uint64_t tensor, Count(value, "tensor", kTensorUsesMax));
  KEDGE_TRY(const std::string statistic, String(value, "statistic"));
  KEDGE_TRY(feature.use.statistic, ParseStatistic(statistic));
  KEDGE_TRY(const uint64_t argument, Count(value, "argument", UINT32_MAX));
  feature.use.tensor = static_cast<uint32_t>(tensor);
  feature.use.argument = static_cast<uint32_t>(argument);
  KEDGE_TRY(feature.categorical, Bool(value, "categorical"));
  KEDGE_TRY(const Array* counts, List(value, "counts", kCategoryBinsMax));
  KEDGE_TRY(feature.counts, Counts(*counts));
  KEDGE_TRY(feature.nulls, Count(value, "nulls", kBaselineRowsMax));
  KEDGE_TRY(feature.nans, Count(value, "nans", kBaselineRowsMax));
  KEDGE_TRY(feature.tolerance, Number(value, "tolerance"));
  KEDGE_TRY(const uint64_t stride, Count(value, "stride", kStrideMax));
  KEDGE_TRY(const uint64_t frozen_max, Count(value, "frozen_max", UINT32_MAX));
  feature.stride = static_cast<uint32_t>(stride);
  feature.frozen_max = static_cast<uint32_t>(frozen_max);
  KEDGE_TRY_STATUS(feature.categorical ? ReadCategorical(value, feature)
                                       : ReadNumeric(value, feature));
  return feature;
}

Result<LabelledQuality> ReadQuality(const Value& value) {
  LabelledQuality quality;
  KEDGE_TRY(const Array* confusion, List(value, "confusion", kClassesMax));
  for (const Value& row : *confusion) {
    if (row.AsArray() == nullptr) return Missing("confusion", "array of arrays");
    KEDGE_TRY(std::vector<uint64_t> counts, Counts(*row.AsArray()));
    quality.confusion.push_back(std::move(counts));
  }
  KEDGE_TRY(const Array* calibration, List(value, "calibration", kCalibrationBins));
  if (calibration->size() != kCalibrationBins) return Missing("calibration", "array of 16");
  for (size_t i = 0; i < kCalibrationBins; ++i) {
    const Array* bin = (*calibration)[i].AsArray();
    if (bin == nullptr || bin->size() != 3) return Missing("calibration", "array of triples");
    KEDGE_TRY(const std::vector<uint64_t> counts, Counts(*bin));
    quality.calibration_rows[i] = counts[0];
    quality.calibration_confidence_ppm[i] = counts[1];
    quality.calibration_right[i] = counts[2];
  }
  return quality;
}

Result<Baseline> ReadBaseline(const Value& value) {
  KEDGE_TRY(const uint64_t format, Count(value, "format"));
  if (format != kFormat)
    return Unimplemented("baseline has format version " + std::to_string(format) +
                         ", this program reads " + std::to_string(kFormat));
  Baseline baseline;
  KEDGE_TRY(baseline.rows, Count(value, "rows", kBaselineRowsMax));
  KEDGE_TRY(const Array* tensors, List(value, "tensors", kTensorUsesMax));
  for (const Value& tensor : *tensors) {
    KEDGE_TRY(TensorUse use, ReadTensor(tensor));
    baseline.tensors.push_back(std::move(use));
  }
  KEDGE_TRY(const Array* features, List(value, "features", kFeaturesMax));
  for (const Value& feature : *features) {
    KEDGE_TRY(FeatureBaseline read, ReadFeature(feature));
    baseline.features.push_back(std::move(read));
  }
  if (value.Find("classes") != nullptr) {
    KEDGE_TRY(const Array* classes, List(value, "classes", kClassesMax));
    KEDGE_TRY(baseline.classes, Strings(*classes));
  }
  if (const Value* quality = value.Find("quality")) {
    KEDGE_TRY(baseline.quality, ReadQuality(*quality));
  }
  return baseline;
}

// Writing ------------------------------------------------------------------------------------

// A zero without sign: "-0" would be read as an integer and lose it.
Value NumberOf(double number) { return number == 0 ? 0.0 : number; }

template <class List>
Array ListOf(const List& values) {
  Array array;
  array.reserve(values.size());
  for (const auto& value : values) {
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, double>) {
      array.push_back(NumberOf(value));
    } else {
      array.push_back(Value(value));
    }
  }
  return array;
}

Value WriteTensor(const TensorUse& use) {
  Object object{{"side", use.side == Side::kInput ? "input" : "output"},
                {"index", use.index},
                {"name", use.name},
                {"dtype", DTypeName(use.dtype)},
                {"shape", ListOf(use.shape.dims)},
                {"role", RoleName(use.role)}};
  if (use.role == Role::kImage) {
    object.Set("black", NumberOf(use.black));
    object.Set("white", NumberOf(use.white));
    object.Set("channels_last", use.channels_last);
  }
  if (use.role == Role::kScores) object.Set("logits", use.logits);
  if (use.role == Role::kEmbedding) {
    object.Set("seed", use.seed);
    Array prototypes;
    for (const std::vector<float>& prototype : use.prototypes) {
      Array numbers;
      for (const float x : prototype) numbers.push_back(NumberOf(static_cast<double>(x)));
      prototypes.push_back(std::move(numbers));
    }
    object.Set("prototypes", std::move(prototypes));
  }
  return object;
}

Value WriteFeature(const FeatureBaseline& feature) {
  Object object{{"name", feature.name},
                {"tensor", feature.use.tensor},
                {"statistic", StatisticName(feature.use.statistic)},
                {"argument", feature.use.argument},
                {"categorical", feature.categorical},
                {"counts", ListOf(feature.counts)},
                {"nulls", feature.nulls},
                {"nans", feature.nans},
                {"tolerance", feature.tolerance},
                {"stride", feature.stride},
                {"frozen_max", feature.frozen_max}};
  if (feature.categorical) {
    object.Set("categories", ListOf(feature.categories));
    object.Set("known_others", ListOf(feature.known_others));
    return object;
  }
  object.Set("cuts", ListOf(feature.cuts));
  object.Set("mean", NumberOf(feature.mean));
  object.Set("deviation", NumberOf(feature.deviation));
  object.Set("min", NumberOf(feature.min));
  object.Set("max", NumberOf(feature.max));
  if (feature.season) {
    object.Set("season", Object{{"explained", feature.season->explained},
                                {"mean", ListOf(feature.season->mean)}});
  }
  return object;
}

Value WriteQuality(const LabelledQuality& quality) {
  Array confusion, calibration;
  for (const auto& row : quality.confusion) confusion.push_back(ListOf(row));
  for (size_t i = 0; i < kCalibrationBins; ++i) {
    calibration.push_back(Array{quality.calibration_rows[i], quality.calibration_confidence_ppm[i],
                                quality.calibration_right[i]});
  }
  return Object{{"confusion", std::move(confusion)}, {"calibration", std::move(calibration)}};
}

}  // namespace

std::string WriteBaseline(const Baseline& baseline) {
  Array tensors, features;
  for (const TensorUse& use : baseline.tensors) tensors.push_back(WriteTensor(use));
  for (const FeatureBaseline& feature : baseline.features)
    features.push_back(WriteFeature(feature));
  Object object{{"format", kFormat},
                {"rows", baseline.rows},
                {"tensors", std::move(tensors)},
                {"features", std::move(features)}};
  if (!baseline.classes.empty()) object.Set("classes", ListOf(baseline.classes));
  if (baseline.quality) object.Set("quality", WriteQuality(*baseline.quality));
  return json::WriteCanonical(object);
}

Result<Baseline> ParseBaseline(std::string_view text) {
  if (text.size() > kBaselineBytesMax)
    return ResourceExhausted("baseline has " + std::to_string(text.size()) + " bytes, at most " +
                             std::to_string(kBaselineBytesMax) + " are allowed");
  KEDGE_TRY(const Value value, json::Parse(text, {.bytes_max = kBaselineBytesMax, .depth_max = 8}));
  auto baseline = ReadBaseline(value);
  if (!baseline) return Wrap(baseline.error(), "baseline");
  if (Status status = CheckBaseline(*baseline); !status) return Wrap(status.error(), "baseline");
  if (WriteBaseline(*baseline) != text)
    return InvalidArgument("baseline is not in its canonical form");
  return baseline;
}

}  // namespace kedge::stats
