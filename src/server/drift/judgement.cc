// SPDX-License-Identifier: Apache-2.0
#include "server/drift/judgement.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "server/api/input.h"

namespace kedge::server {
namespace {

json::Value TagRow(const NamedTag& tag) {
  return json::Array{tag.key, tag.value, tag.level, tag.devices, tag.affected};
}

double Number(const json::Value& object, const char* member) {
  const json::Value* const value = object.Find(member);
  return value == nullptr ? 0 : value->NumberOr(0);
}

NamedTag ReadTag(const json::Value& row) {
  const json::Array* const cells = row.AsArray();
  if (cells == nullptr || cells->size() != 5) return {};
  const auto text = [&](size_t i) {
    const std::string* const value = (*cells)[i].AsString();
    return value == nullptr ? std::string() : *value;
  };
  return {.key = text(0),
          .value = text(1),
          .level = (*cells)[2].NumberOr(0),
          .devices = static_cast<int64_t>((*cells)[3].NumberOr(0)),
          .affected = static_cast<int64_t>((*cells)[4].NumberOr(0))};
}

FeatureJudgement ReadFeature(const json::Value& value) {
  FeatureJudgement feature{.merged = Number(value, "merged"),
                           .mean = Number(value, "mean"),
                           .affected = value.IntOr("affected", 0)};
  const json::Value* const tags = value.Find("tags");
  if (tags == nullptr || tags->AsArray() == nullptr) return feature;
  for (const json::Value& tag : *tags->AsArray()) feature.tags.push_back(ReadTag(tag));
  return feature;
}

}  // namespace

std::vector<size_t> Judgement::Ranked() const {
  std::vector<size_t> places(features.size());
  std::iota(places.begin(), places.end(), size_t{0});
  std::stable_sort(places.begin(), places.end(), [this](size_t a, size_t b) {
    return features[a].level() > features[b].level();
  });
  return places;
}

size_t Judgement::Worst() const { return features.empty() ? 0 : Ranked().front(); }

double EvidenceLog10(double level, double alarm_days) {
  constexpr double kLeastDays = 1e-9;
  return std::log10(std::max(level * alarm_days, kLeastDays));
}

std::string WriteJudgement(const Judgement& judgement) {
  json::Array features;
  for (const FeatureJudgement& feature : judgement.features) {
    json::Object object{
        {"merged", feature.merged}, {"mean", feature.mean}, {"affected", feature.affected}};
    json::Array tags;
    for (const NamedTag& tag : feature.tags) tags.push_back(TagRow(tag));
    if (!tags.empty()) object.Set("tags", std::move(tags));
    features.push_back(std::move(object));
  }
  json::Object object{{"level", judgement.level},     {"alarm_days", judgement.alarm_days},
                      {"devices", judgement.devices}, {"named", judgement.named},
                      {"samples", judgement.samples}, {"features", std::move(features)}};
  if (judgement.estimate) {
    const QualityEstimate& estimate = *judgement.estimate;
    object.Set("estimate", json::Object{{"value", estimate.value},
                                        {"lower", estimate.lower},
                                        {"upper", estimate.upper},
                                        {"reference", estimate.reference},
                                        {"method", estimate.method},
                                        {"broken", estimate.assumption_broken},
                                        {"samples", estimate.samples}});
  }
  return json::Write(json::Value(std::move(object)));
}

Judgement ReadJudgement(const std::string& text) {
  Judgement judgement;
  const json::Value value = FromText(text);
  if (value.AsObject() == nullptr) return judgement;
  judgement.level = Number(value, "level");
  judgement.alarm_days = Number(value, "alarm_days");
  judgement.devices = value.IntOr("devices", 0);
  judgement.named = value.IntOr("named", 0);
  judgement.samples = value.IntOr("samples", 0);
  if (const json::Value* const features = value.Find("features");
      features != nullptr && features->AsArray() != nullptr) {
    for (const json::Value& one : *features->AsArray()) {
      judgement.features.push_back(ReadFeature(one));
    }
  }
  if (const json::Value* const estimate = value.Find("estimate"); estimate != nullptr) {
    judgement.estimate = QualityEstimate{.value = Number(*estimate, "value"),
                                         .lower = Number(*estimate, "lower"),
                                         .upper = Number(*estimate, "upper"),
                                         .reference = Number(*estimate, "reference"),
                                         .method = estimate->StringOr("method", ""),
                                         .assumption_broken = estimate->BoolOr("broken", false),
                                         .samples = estimate->IntOr("samples", 0)};
  }
  return judgement;
}

json::Value TagsJson(const std::vector<NamedTag>& tags, double alarm_days) {
  json::Array array;
  for (const NamedTag& tag : tags) {
    array.push_back(json::Object{{"Key", tag.key},
                                 {"Value", tag.value},
                                 {"EvidenceLog10", EvidenceLog10(tag.level, alarm_days)},
                                 {"Devices", tag.devices},
                                 {"AffectedDevices", tag.affected}});
  }
  return array;
}

json::Value EstimateJson(const QualityEstimate& estimate) {
  return json::Object{
      {"Value", estimate.value},    {"Lower", estimate.lower},
      {"Upper", estimate.upper},    {"ReferenceValue", estimate.reference},
      {"Method", estimate.method},  {"AssumptionBroken", estimate.assumption_broken},
      {"Samples", estimate.samples}};
}

}  // namespace kedge::server
