// Reading members of Model Monitor's files, with errors that name them. Internal to this folder.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <string>

#include "stats/model_monitor/documents.h"

namespace kedge::stats::model_monitor {

inline Error NoMember(std::string_view name, std::string_view kind) {
  return InvalidArgument("member '" + std::string(name) + "' is missing or no " +
                         std::string(kind));
}

inline Result<json::Value> ParseDocument(std::string_view text) {
  return json::Parse(text, {.bytes_max = kDocumentBytesMax});
}

inline Result<const json::Array*> ListOf(const json::Value& object, std::string_view name) {
  const json::Value* value = object.Find(name);
  if (value == nullptr || value->AsArray() == nullptr) return NoMember(name, "list");
  return value->AsArray();
}

// The member "features", of bounded length.
inline Result<const json::Array*> FeaturesOf(const json::Value& document) {
  KEDGE_TRY(const json::Array* features, ListOf(document, "features"));
  if (features->size() > kFeaturesMax) {
    return InvalidArgument(std::to_string(features->size()) + " features are more than " +
                           std::to_string(kFeaturesMax));
  }
  return features;
}

inline Result<const json::Value*> ObjectOf(const json::Value& object, std::string_view name) {
  const json::Value* value = object.Find(name);
  if (value == nullptr || value->AsObject() == nullptr) return NoMember(name, "object");
  return value;
}

inline Result<double> NumberOf(const json::Value& object, std::string_view name) {
  const json::Value* value = object.Find(name);
  if (value == nullptr || !value->IsNumber()) return NoMember(name, "number");
  return value->NumberOr(0);
}

// A whole number from 0: readers of the original write counts as 12 or 12.0.
inline Result<uint64_t> CountOf(const json::Value& object, std::string_view name) {
  KEDGE_TRY(const double number, NumberOf(object, name));
  if (!(number >= 0 && number <= 9.0e15) || number != std::floor(number)) {
    return NoMember(name, "count");
  }
  return static_cast<uint64_t>(number);
}

inline Result<std::string> TextOf(const json::Value& object, std::string_view name) {
  const json::Value* value = object.Find(name);
  if (value == nullptr || value->AsString() == nullptr) return NoMember(name, "text");
  return *value->AsString();
}

inline Result<InferredType> TypeOf(const json::Value& feature) {
  KEDGE_TRY(const std::string name, TextOf(feature, "inferred_type"));
  for (const InferredType type : {InferredType::kIntegral, InferredType::kFractional,
                                  InferredType::kString, InferredType::kUnknown}) {
    if (NameOf(type) == name) return type;
  }
  return InvalidArgument("inferred_type is '" + name + "'");
}

inline Status ReadCommon(const json::Value& value, FeatureStatistics& feature) {
  KEDGE_TRY(const json::Value* common, ObjectOf(value, "common"));
  KEDGE_TRY(feature.present, CountOf(*common, "num_present"));
  KEDGE_TRY(feature.missing, CountOf(*common, "num_missing"));
  return {};
}

}  // namespace kedge::stats::model_monitor
