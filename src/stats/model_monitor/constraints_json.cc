// constraints.json.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "stats/model_monitor/documents.h"
#include "stats/model_monitor/json_fields.h"

namespace kedge::stats::model_monitor {
namespace {

using json::Array;
using json::Object;
using json::Value;

template <class T>
using Words = std::array<std::pair<std::string_view, T>, 4>;
// The first of two equal values is what is written; later ones are older spellings.
constexpr Words<bool> kSwitch = {
    {{"Enabled", true}, {"Disabled", false}, {"enabled", true}, {"disabled", false}}};
constexpr Words<ComparisonMethod> kMethods = {{{"Simple", ComparisonMethod::kSimple},
                                               {"Robust", ComparisonMethod::kRobust},
                                               {"linf_simple", ComparisonMethod::kSimple},
                                               {"linf_robust", ComparisonMethod::kRobust}}};
constexpr Words<CategoricalMethod> kCategoricalMethods = {
    {{"LInfinity", CategoricalMethod::kLInfinity},
     {"ChiSquared", CategoricalMethod::kChiSquared},
     {"linfinity", CategoricalMethod::kLInfinity},
     {"chisquared", CategoricalMethod::kChiSquared}}};

template <class T>
Status ReadWord(const Value& object, std::string_view member, const Words<T>& words,
                std::optional<T>& out) {
  const Value* value = object.Find(member);
  if (value == nullptr) return {};
  const std::string text = object.StringOr(member, "");
  for (const auto& [word, meaning] : words) {
    if (word != text) continue;
    out = meaning;
    return {};
  }
  return InvalidArgument("member '" + std::string(member) + "' is " + json::Write(*value));
}

template <class T>
void SetWord(Object& object, std::string_view member, const Words<T>& words,
             const std::optional<T>& value) {
  if (!value) return;
  for (const auto& [word, meaning] : words) {
    if (meaning == *value) return object.Set(member, word);
  }
}

Status ReadThreshold(const Value& object, std::string_view member, std::optional<double>& out) {
  if (object.Find(member) == nullptr) return {};
  KEDGE_TRY(out, NumberOf(object, member));
  return {};
}

void SetThreshold(Object& object, std::string_view member, const std::optional<double>& value) {
  if (value) object.Set(member, *value);
}

Result<MonitoringConfig> ReadConfig(const Value& object) {
  MonitoringConfig config;
  KEDGE_TRY_STATUS(ReadWord(object, "evaluate_constraints", kSwitch, config.evaluate_constraints));
  KEDGE_TRY_STATUS(ReadWord(object, "emit_metrics", kSwitch, config.emit_metrics));
  KEDGE_TRY_STATUS(
      ReadThreshold(object, "datatype_check_threshold", config.datatype_check_threshold));
  KEDGE_TRY_STATUS(
      ReadThreshold(object, "domain_content_threshold", config.domain_content_threshold));
  const Value* found = object.Find("distribution_constraints");
  if (found == nullptr) return config;
  const Value& distribution = *found;
  KEDGE_TRY_STATUS(
      ReadWord(distribution, "perform_comparison", kSwitch, config.perform_comparison));
  KEDGE_TRY_STATUS(
      ReadThreshold(distribution, "comparison_threshold", config.comparison_threshold));
  // The service's documentation misspelt the key for years.
  KEDGE_TRY_STATUS(ReadWord(distribution, "comparion_method", kMethods, config.comparison_method));
  KEDGE_TRY_STATUS(ReadWord(distribution, "comparison_method", kMethods, config.comparison_method));
  KEDGE_TRY_STATUS(ReadThreshold(distribution, "categorical_comparison_threshold",
                                 config.categorical_comparison_threshold));
  KEDGE_TRY_STATUS(ReadWord(distribution, "categorical_drift_method", kCategoricalMethods,
                            config.categorical_drift_method));
  return config;
}

Object ConfigJson(const MonitoringConfig& config) {
  Object distribution;
  SetWord(distribution, "perform_comparison", kSwitch, config.perform_comparison);
  SetThreshold(distribution, "comparison_threshold", config.comparison_threshold);
  SetWord(distribution, "comparison_method", kMethods, config.comparison_method);
  SetThreshold(distribution, "categorical_comparison_threshold",
               config.categorical_comparison_threshold);
  SetWord(distribution, "categorical_drift_method", kCategoricalMethods,
          config.categorical_drift_method);
  Object object;
  SetWord(object, "evaluate_constraints", kSwitch, config.evaluate_constraints);
  SetWord(object, "emit_metrics", kSwitch, config.emit_metrics);
  SetThreshold(object, "datatype_check_threshold", config.datatype_check_threshold);
  SetThreshold(object, "domain_content_threshold", config.domain_content_threshold);
  if (!distribution.empty()) object.Set("distribution_constraints", std::move(distribution));
  return object;
}

// The members of an object but those that are read.
Object Unknown(const Value& value, std::initializer_list<std::string_view> known) {
  Object unknown;
  for (const auto& [name, member] : *value.AsObject()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) unknown.Set(name, member);
  }
  return unknown;
}

Result<std::vector<std::string>> ReadDomains(const Value& strings) {
  std::vector<std::string> domains;
  KEDGE_TRY(const Array* list, ListOf(strings, "domains"));
  for (const Value& item : *list) {
    if (item.AsString() == nullptr) return InvalidArgument("a domain holds what is no text");
    domains.push_back(*item.AsString());
  }
  return domains;
}

Status ReadFeature(const Value& value, FeatureConstraints& feature) {
  KEDGE_TRY(feature.type, TypeOf(value));
  KEDGE_TRY(feature.completeness, NumberOf(value, "completeness"));
  if (const Value* numbers = value.Find("num_constraints")) {
    if (const Value* flag = numbers->Find("is_non_negative")) {
      if (flag->AsBool() == nullptr) return NoMember("is_non_negative", "boolean");
      feature.is_non_negative = *flag->AsBool();
    }
  }
  if (const Value* strings = value.Find("string_constraints");
      strings != nullptr && strings->Find("domains") != nullptr) {
    KEDGE_TRY(feature.domains, ReadDomains(*strings));
  }
  for (const char* name : {"monitoring_config_overrides", "monitoringConfigOverrides"}) {
    if (const Value* overrides = value.Find(name)) {
      KEDGE_TRY(feature.overrides, ReadConfig(*overrides));
    }
  }
  feature.unknown = Unknown(
      value, {"name", "inferred_type", "completeness", "num_constraints", "string_constraints",
              "monitoring_config_overrides", "monitoringConfigOverrides"});
  return {};
}

Object FeatureJson(const FeatureConstraints& feature) {
  Object object{{"name", feature.name},
                {"inferred_type", NameOf(feature.type)},
                {"completeness", feature.completeness}};
  if (feature.is_non_negative) {
    object.Set("num_constraints", Object{{"is_non_negative", *feature.is_non_negative}});
  }
  if (feature.domains) {
    object.Set("string_constraints",
               Object{{"domains", Array(feature.domains->begin(), feature.domains->end())}});
  }
  if (Object overrides = ConfigJson(feature.overrides); !overrides.empty()) {
    object.Set("monitoringConfigOverrides", std::move(overrides));
  }
  for (const auto& [name, member] : feature.unknown) object.Set(name, member);
  return object;
}

}  // namespace

std::string_view NameOf(InferredType type) {
  switch (type) {
    case InferredType::kIntegral:
      return "Integral";
    case InferredType::kFractional:
      return "Fractional";
    case InferredType::kString:
      return "String";
    case InferredType::kUnknown:
      break;
  }
  return "Unknown";
}

EffectiveConfig Effective(const MonitoringConfig& file, const MonitoringConfig& feature) {
  EffectiveConfig config;
  const auto take = [&](auto& to, const auto& from_file, const auto& from_feature) {
    if (from_file) to = *from_file;
    if (from_feature) to = *from_feature;
  };
  using Config = MonitoringConfig;
  const auto each = [&](auto EffectiveConfig::* to, auto Config::* from) {
    take(config.*to, file.*from, feature.*from);
  };
  each(&EffectiveConfig::evaluate_constraints, &Config::evaluate_constraints);
  each(&EffectiveConfig::emit_metrics, &Config::emit_metrics);
  each(&EffectiveConfig::datatype_check_threshold, &Config::datatype_check_threshold);
  each(&EffectiveConfig::domain_content_threshold, &Config::domain_content_threshold);
  each(&EffectiveConfig::perform_comparison, &Config::perform_comparison);
  each(&EffectiveConfig::comparison_threshold, &Config::comparison_threshold);
  each(&EffectiveConfig::comparison_method, &Config::comparison_method);
  config.categorical_comparison_threshold = config.comparison_threshold;
  each(&EffectiveConfig::categorical_comparison_threshold,
       &Config::categorical_comparison_threshold);
  each(&EffectiveConfig::categorical_drift_method, &Config::categorical_drift_method);
  return config;
}

const FeatureConstraints* Constraints::Find(std::string_view name) const {
  for (const FeatureConstraints& feature : features) {
    if (feature.name == name) return &feature;
  }
  return nullptr;
}

Result<Constraints> ReadConstraints(std::string_view json) {
  KEDGE_TRY(const Value document, ParseDocument(json));
  Constraints constraints;
  KEDGE_TRY(const Array* features, FeaturesOf(document));
  for (const Value& value : *features) {
    FeatureConstraints feature;
    KEDGE_TRY(feature.name, TextOf(value, "name"));
    if (constraints.Find(feature.name) != nullptr) {
      return InvalidArgument("feature '" + feature.name + "' stands there twice");
    }
    if (const Status status = ReadFeature(value, feature); !status) {
      return Wrap(status.error(), "feature '" + feature.name + "'");
    }
    constraints.features.push_back(std::move(feature));
  }
  if (const Value* config = document.Find("monitoring_config")) {
    KEDGE_TRY(constraints.config, ReadConfig(*config));
  }
  constraints.unknown = Unknown(document, {"version", "features", "monitoring_config"});
  return constraints;
}

std::string WriteConstraints(const Constraints& constraints) {
  Array features;
  for (const FeatureConstraints& feature : constraints.features) {
    features.push_back(FeatureJson(feature));
  }
  Object document{{"version", 0}, {"features", std::move(features)}};
  if (Object config = ConfigJson(constraints.config); !config.empty()) {
    document.Set("monitoring_config", std::move(config));
  }
  for (const auto& [name, member] : constraints.unknown) document.Set(name, member);
  return json::WritePretty(std::move(document));
}

}  // namespace kedge::stats::model_monitor
