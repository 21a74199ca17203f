// statistics.json and constraint_violations.json.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "stats/model_monitor/documents.h"
#include "stats/model_monitor/json_fields.h"

namespace kedge::stats::model_monitor {
namespace {

using json::Array;
using json::Object;
using json::Value;

Result<std::vector<Bucket>> ReadBuckets(const Value& kll) {
  std::vector<Bucket> buckets;
  KEDGE_TRY(const Array* list, ListOf(kll, "buckets"));
  for (const Value& item : *list) {
    Bucket bucket;
    KEDGE_TRY(bucket.lower_bound, NumberOf(item, "lower_bound"));
    KEDGE_TRY(bucket.upper_bound, NumberOf(item, "upper_bound"));
    KEDGE_TRY(bucket.count, CountOf(item, "count"));
    buckets.push_back(bucket);
  }
  return buckets;
}

Result<KllSketch> ReadSketch(const Value& sketch) {
  KEDGE_TRY(const Value* parameters, ObjectOf(sketch, "parameters"));
  KllParameters read;
  KEDGE_TRY(read.c, NumberOf(*parameters, "c"));
  KEDGE_TRY(const double k, NumberOf(*parameters, "k"));
  read.k = k >= 1 && k <= 1e6 ? static_cast<int64_t>(k) : 0;
  std::vector<std::vector<double>> levels;
  KEDGE_TRY(const Array* data, ListOf(sketch, "data"));
  for (const Value& level : *data) {
    if (level.AsArray() == nullptr) return InvalidArgument("a level of a sketch is no list");
    std::vector<double>& values = levels.emplace_back();
    for (const Value& value : *level.AsArray()) {
      if (!value.IsNumber()) return InvalidArgument("a sketch holds a value that is no number");
      values.push_back(value.NumberOr(0));
    }
  }
  return KllSketch::FromLevels(read, std::move(levels));
}

Status ReadNumerical(const Value& value, FeatureStatistics& feature) {
  NumericalStatistics numerical;
  KEDGE_TRY_STATUS(ReadCommon(value, feature));
  if (feature.present == 0) return {};  // there is nothing to say of no value
  KEDGE_TRY(numerical.mean, NumberOf(value, "mean"));
  KEDGE_TRY(numerical.sum, NumberOf(value, "sum"));
  KEDGE_TRY(numerical.std_dev, NumberOf(value, "std_dev"));
  KEDGE_TRY(numerical.min, NumberOf(value, "min"));
  KEDGE_TRY(numerical.max, NumberOf(value, "max"));
  // A file may come without distributions: then nothing is compared.
  const Value* distribution = value.Find("distribution");
  const Value* kll = distribution != nullptr ? distribution->Find("kll") : nullptr;
  if (kll != nullptr) {
    KEDGE_TRY(numerical.buckets, ReadBuckets(*kll));
    KEDGE_TRY(const Value* sketch, ObjectOf(*kll, "sketch"));
    KEDGE_TRY(numerical.sketch, ReadSketch(*sketch));
  }
  feature.numerical = std::move(numerical);
  return {};
}

Status ReadText(const Value& value, FeatureStatistics& feature) {
  StringStatistics text;
  KEDGE_TRY_STATUS(ReadCommon(value, feature));
  KEDGE_TRY(text.distinct_count, NumberOf(value, "distinct_count"));
  const Value* distribution = value.Find("distribution");
  const Value* categorical = distribution != nullptr ? distribution->Find("categorical") : nullptr;
  if (categorical != nullptr) {
    KEDGE_TRY(const Array* buckets, ListOf(*categorical, "buckets"));
    for (const Value& bucket : *buckets) {
      KEDGE_TRY(const std::string name, TextOf(bucket, "value"));
      KEDGE_TRY(const uint64_t count, CountOf(bucket, "count"));
      text.categories[name] += count;
    }
  }
  feature.text = std::move(text);
  return {};
}

Result<FeatureStatistics> ReadFeature(const Value& value) {
  FeatureStatistics feature;
  KEDGE_TRY(feature.name, TextOf(value, "name"));
  KEDGE_TRY(feature.type, TypeOf(value));
  Status status;
  if (const Value* numerical = value.Find("numerical_statistics")) {
    status = ReadNumerical(*numerical, feature);
  }
  if (const Value* text = value.Find("string_statistics"); text != nullptr && status) {
    status = ReadText(*text, feature);
  }
  if (!status) return Wrap(status.error(), "feature '" + feature.name + "'");
  return feature;
}

Object CommonJson(const FeatureStatistics& feature) {
  return {{"num_present", feature.present}, {"num_missing", feature.missing}};
}

Object NumericalJson(const FeatureStatistics& feature) {
  const NumericalStatistics& numerical = *feature.numerical;
  Array buckets;
  for (const Bucket& bucket : numerical.buckets) {
    buckets.push_back(Object{{"lower_bound", bucket.lower_bound},
                             {"upper_bound", bucket.upper_bound},
                             {"count", bucket.count}});
  }
  Array levels;
  for (const auto& level : numerical.sketch.levels()) {
    levels.push_back(Array(level.begin(), level.end()));
  }
  const KllParameters& parameters = numerical.sketch.parameters();
  return {{"common", CommonJson(feature)},
          {"mean", numerical.mean},
          {"sum", numerical.sum},
          {"std_dev", numerical.std_dev},
          {"min", numerical.min},
          {"max", numerical.max},
          {"distribution",
           Object{{"kll", Object{{"buckets", std::move(buckets)},
                                 {"sketch", Object{{"parameters", Object{{"c", parameters.c},
                                                                         {"k", parameters.k}}},
                                                   {"data", std::move(levels)}}}}}}}};
}

Object TextJson(const FeatureStatistics& feature) {
  Array buckets;
  for (const auto& [name, count] : feature.text->categories) {
    buckets.push_back(Object{{"value", name}, {"count", count}});
  }
  return {{"common", CommonJson(feature)},
          {"distinct_count", feature.text->distinct_count},
          {"distribution", Object{{"categorical", Object{{"buckets", std::move(buckets)}}}}}};
}

}  // namespace

const FeatureStatistics* Statistics::Find(std::string_view name) const {
  for (const FeatureStatistics& feature : features) {
    if (feature.name == name) return &feature;
  }
  return nullptr;
}

Result<Statistics> ReadStatistics(std::string_view json) {
  KEDGE_TRY(const Value document, ParseDocument(json));
  Statistics statistics;
  KEDGE_TRY(const Value* dataset, ObjectOf(document, "dataset"));
  KEDGE_TRY(statistics.rows, CountOf(*dataset, "item_count"));
  KEDGE_TRY(const Array* features, FeaturesOf(document));
  for (const Value& value : *features) {
    KEDGE_TRY(FeatureStatistics feature, ReadFeature(value));
    if (statistics.Find(feature.name) != nullptr) {
      return InvalidArgument("feature '" + feature.name + "' stands there twice");
    }
    statistics.features.push_back(std::move(feature));
  }
  return statistics;
}

std::string WriteStatistics(const Statistics& statistics) {
  Array features;
  for (const FeatureStatistics& feature : statistics.features) {
    Object object{{"name", feature.name}, {"inferred_type", NameOf(feature.type)}};
    if (feature.numerical) object.Set("numerical_statistics", NumericalJson(feature));
    if (feature.text) object.Set("string_statistics", TextJson(feature));
    // A column without any value has no type, but says how many are missing.
    if (!feature.numerical && !feature.text) {
      object.Set("string_statistics",
                 Object{{"common", CommonJson(feature)}, {"distinct_count", 0.0}});
    }
    features.push_back(std::move(object));
  }
  return json::WritePretty(Object{{"version", 0},
                                  {"dataset", Object{{"item_count", statistics.rows}}},
                                  {"features", std::move(features)}});
}

Result<std::vector<Violation>> ReadViolations(std::string_view json) {
  KEDGE_TRY(const Value document, ParseDocument(json));
  std::vector<Violation> violations;
  KEDGE_TRY(const Array* list, ListOf(document, "violations"));
  for (const Value& value : *list) {
    Violation violation;
    KEDGE_TRY(violation.feature, TextOf(value, "feature_name"));
    KEDGE_TRY(violation.check, TextOf(value, "constraint_check_type"));
    violation.description = value.StringOr("description", "");
    violations.push_back(std::move(violation));
  }
  return violations;
}

std::string WriteViolations(const std::vector<Violation>& violations) {
  Array list;
  for (const Violation& violation : violations) {
    list.push_back(Object{{"feature_name", violation.feature},
                          {"constraint_check_type", violation.check},
                          {"description", violation.description}});
  }
  return json::WritePretty(Object{{"violations", std::move(list)}});
}

}  // namespace kedge::stats::model_monitor
