// SPDX-License-Identifier: Apache-2.0
#include "server/drift/drift_metrics.h"

#include <algorithm>
#include <cmath>

namespace kedge::server {
namespace {

std::map<std::string, std::string> LabelsOf(const store::DriftSubject& subject) {
  return {{"fleet", subject.fleet},
          {"model", subject.model},
          {"model_version", subject.version},
          {"scope", "fleet"}};
}

}  // namespace

// The latest baseline of a model's version only: a label for it would grow without end.
Result<DriftMetrics::Snapshot> DriftMetrics::ReadRows() {
  std::vector<store::DriftSubject> subjects;
  KEDGE_TRY_STATUS(store_.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(auto page, store::ListSubjects(transaction, {}, {.rows_max = kDriftSubjectsShown}));
    subjects = std::move(page.items);
    return {};
  }));
  std::map<std::map<std::string, std::string>, store::DriftSubject> latest;
  for (store::DriftSubject& subject : subjects) {
    store::DriftSubject& kept = latest[LabelsOf(subject)];
    if (kept.id.empty() || kept.reported < subject.reported) kept = std::move(subject);
  }
  Snapshot snapshot;
  for (auto& [labels, subject] : latest) {
    KEDGE_TRY(auto baseline, baselines_.Find(subject.baseline));
    Judgement judgement = ReadJudgement(subject.judgement);
    snapshot.push_back({std::move(subject), std::move(judgement), std::move(baseline)});
  }
  return snapshot;
}

std::shared_ptr<const DriftMetrics::Snapshot> DriftMetrics::Read() {
  const std::lock_guard lock(mutex_);
  const EpochMs now = clock_.NowMs();
  if (snapshot_ != nullptr && now - read_ < kDriftMetricsAgeMs) return snapshot_;
  auto rows = ReadRows();
  snapshot_ = std::make_shared<const Snapshot>(rows ? *std::move(rows) : Snapshot());
  read_ = now;
  return snapshot_;
}

std::vector<DriftSample> DriftMetrics::Evidence() {
  std::vector<DriftSample> samples;
  for (const Shown& shown : *Read()) {
    auto labels = LabelsOf(shown.subject);
    const Judgement& judgement = shown.judgement;
    samples.emplace_back(labels, EvidenceLog10(judgement.level, judgement.alarm_days));
    if (shown.baseline == nullptr) continue;
    std::vector<size_t> ranked = judgement.Ranked();
    ranked.resize(std::min(ranked.size(), kDriftFeaturesShown));
    for (const size_t place : ranked) {
      if (place >= shown.baseline->baseline.features.size()) continue;
      labels["feature"] = shown.baseline->baseline.features[place].name;
      samples.emplace_back(labels,
                           EvidenceLog10(judgement.features[place].level(), judgement.alarm_days));
    }
  }
  return samples;
}

std::vector<DriftSample> DriftMetrics::Threshold() {
  std::vector<DriftSample> samples;
  for (const Shown& shown : *Read()) {
    samples.emplace_back(LabelsOf(shown.subject), std::log10(shown.judgement.alarm_days));
  }
  return samples;
}

std::vector<DriftSample> DriftMetrics::Alarms() {
  std::vector<DriftSample> samples;
  for (const Shown& shown : *Read()) {
    samples.emplace_back(LabelsOf(shown.subject), shown.subject.state == "ALARM" ? 1 : 0);
  }
  return samples;
}

std::vector<DriftSample> DriftMetrics::AffectedDevices() {
  std::vector<DriftSample> samples;
  for (const Shown& shown : *Read()) {
    samples.emplace_back(LabelsOf(shown.subject), static_cast<double>(shown.judgement.named));
  }
  return samples;
}

std::vector<DriftSample> DriftMetrics::Samples() {
  std::vector<DriftSample> samples;
  for (const Shown& shown : *Read()) {
    samples.emplace_back(LabelsOf(shown.subject), static_cast<double>(shown.judgement.samples));
  }
  return samples;
}

std::vector<DriftSample> DriftMetrics::Accuracy(double QualityEstimate::* member) {
  std::vector<DriftSample> samples;
  for (const Shown& shown : *Read()) {
    if (!shown.judgement.estimate) continue;
    samples.emplace_back(LabelsOf(shown.subject), *shown.judgement.estimate.*member);
  }
  return samples;
}

}  // namespace kedge::server
