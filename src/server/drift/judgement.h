// What was found about a subject when it was judged last, as JSON in its row.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json/json.h"
#include "server/drift/fleet_evidence.h"

namespace kedge::server {

struct QualityEstimate {
  double value = 0;
  double lower = 0;
  double upper = 1;
  double reference = 0;
  std::string method;  // "CBPE", "BBSE", "LABELS"
  bool assumption_broken = false;
  int64_t samples = 0;
};

struct FeatureJudgement {
  double merged = 0;  // levels, in alarm lines
  double mean = 0;
  int64_t affected = 0;
  std::vector<NamedTag> tags;
  double level() const { return (merged + mean) / 2; }
};

struct Judgement {
  double level = 0;  // of the model: the mean over its features
  double alarm_days = 30;
  int64_t devices = 0;
  int64_t named = 0;
  int64_t samples = 0;  // of the last 24 hours
  std::vector<FeatureJudgement> features;
  std::optional<QualityEstimate> estimate;

  // The feature of most evidence, features.size() if there is none.
  size_t Worst() const;
  // Places of features, the worst first.
  std::vector<size_t> Ranked() const;
};

// log10 of the days that stand for a level; `alarm_days` is the alarm line, a level of 1. A level
// of 0 is 1e-9 days.
double EvidenceLog10(double level, double alarm_days);

std::string WriteJudgement(const Judgement& judgement);
// An empty text is an empty judgement; so is a damaged one.
Judgement ReadJudgement(const std::string& text);

// [{"Key", "Value", "EvidenceLog10", "Devices", "AffectedDevices"}]
json::Value TagsJson(const std::vector<NamedTag>& tags, double alarm_days);
json::Value EstimateJson(const QualityEstimate& estimate);

}  // namespace kedge::server
