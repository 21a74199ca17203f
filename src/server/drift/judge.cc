// SPDX-License-Identifier: Apache-2.0
#include "server/drift/judge.h"

#include <algorithm>
#include <cmath>

#include "base/crypto/crypto.h"
#include "fleet/drift_alarm.h"
#include "server/drift/alarm_rows.h"
#include "server/drift/merged_detectors.h"
#include "server/drift/quality_estimate.h"
#include "stats/evidence/alarm_budget.h"
#include "store/tables/drift_devices.h"
#include "store/tables/ground_truth.h"
#include "store/tables/tags.h"

namespace kedge::server {
namespace {

constexpr double kSecondsOfDay = 24.0 * 3600;
constexpr int64_t kHoursOfWindow = 24;
constexpr int64_t kRowsOfWindow = 1'000;
constexpr int64_t kLabelsOfWindow = 1'000;  // the latest
constexpr int kSlowness = 10;               // a judgement takes one part in so many of the time

// Sorts by time.
std::string NewAlarmId(EpochMs now) {
  ByteBuffer bytes;
  for (int i = 5; i >= 0; --i) bytes.push_back(static_cast<uint8_t>(now >> (8 * i)));
  const ByteBuffer random = crypto::RandomBytes(10);
  bytes.insert(bytes.end(), random.begin(), random.end());
  return HexEncode(bytes);
}

json::Array NamesJson(const std::vector<std::string>& names) {
  json::Array array;
  for (const std::string& name : names) array.emplace_back(name);
  return array;
}

std::vector<std::string> TextsOf(const std::string& list) {
  std::vector<std::string> texts;
  const json::Value value = FromText(list);
  if (value.AsArray() == nullptr) return texts;
  for (const json::Value& one : *value.AsArray()) {
    if (one.AsString() != nullptr) texts.push_back(*one.AsString());
  }
  return texts;
}

}  // namespace

std::string WriteLevels(const std::vector<double>& levels) {
  std::string text;
  for (const double level : levels) {
    const double log10 = std::log10(std::max(level, 1e-9));
    text += (text.empty() ? "" : " ") + std::to_string(std::lround(log10 * 10));
  }
  return text;
}

std::vector<double> ReadLevels(const std::string& text) {
  std::vector<double> levels;
  const char* place = text.c_str();
  for (char* end = nullptr; *place != '\0'; place = end) {
    const double log10 = static_cast<double>(std::strtol(place, &end, 10)) / 10;
    if (end == place) break;
    levels.push_back(std::pow(10.0, log10));
  }
  return levels;
}

// What a judgement found outside the writing transaction.
struct DriftJudge::Found {
  std::string subject;
  int64_t epoch = 0;
  EpochMs now = 0;
  std::shared_ptr<const KnownBaseline> baseline;
  FleetFinding fleet;
};

Result<std::string> DriftJudge::Next() {
  const EpochMs now = clock_.NowMs();
  std::erase_if(not_before_, [now](const auto& entry) { return entry.second <= now; });
  std::vector<std::string> ids;
  KEDGE_TRY_STATUS(store_.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(ids, store::SubjectsToJudge(
                       transaction, {.judged_before = now - kJudgedAgainMs,
                                     .quiet_judged_before = now - kJudgedWithoutMs,
                                     .reported_since = now - 2 * kReportingMs,
                                     .rows_max = static_cast<int64_t>(not_before_.size()) + 1}));
    return {};
  }));
  for (std::string& id : ids) {
    if (!not_before_.contains(id)) return std::move(id);
  }
  return std::string();
}

Result<LeasedStep> DriftJudge::Step(const store::Lease& lease) {
  KEDGE_TRY(const std::string id, Next());
  if (id.empty()) return LeasedStep::kIdle;
  const auto began = std::chrono::steady_clock::now();
  KEDGE_TRY_STATUS(JudgeOne(id, lease));
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - began);
  if (took.count() * kSlowness > kJudgedAgainMs) {
    not_before_[id] = clock_.NowMs() + took.count() * kSlowness;
  }
  return LeasedStep::kMore;
}

// Devices and tags are both in the order of names, so each is read once, page by page.
Status DriftJudge::AddDevices(const store::DriftSubject& subject, FleetEvidence& evidence) {
  const EpochMs since = clock_.NowMs() - kReportingMs;
  std::string after;
  for (;;) {
    std::vector<store::DriftDevice> devices;
    std::vector<store::ResourceTag> tags;
    KEDGE_TRY_STATUS(store_.Read([&](store::Transaction& transaction) -> Status {
      KEDGE_TRY(devices,
                store::DriftDevicesSince(transaction, subject.id, since, after, kDevicesOfPage));
      std::vector<std::string> arns;
      for (const store::DriftDevice& device : devices) {
        arns.push_back(arns_.Device(subject.fleet, device.key.device));
      }
      if (arns.empty()) return {};
      KEDGE_TRY(tags, store::TagsOf(transaction, arns));
      return {};
    }));
    std::map<std::string, std::vector<store::Tag>> tags_of;
    for (store::ResourceTag& tag : tags) tags_of[tag.resource_arn].push_back(std::move(tag.tag));
    for (const store::DriftDevice& device : devices) {
      evidence.Add(device, tags_of[arns_.Device(subject.fleet, device.key.device)]);
    }
    if (static_cast<int64_t>(devices.size()) < kDevicesOfPage) return {};
    after = devices.back().key.device;
  }
}

Status DriftJudge::JudgeOne(const std::string& id, const store::Lease& lease) {
  std::optional<store::DriftSubject> subject;
  KEDGE_TRY_STATUS(store_.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(subject, store::FindSubject(transaction, id));
    return {};
  }));
  if (!subject) return {};
  Found found{.subject = id, .epoch = subject->epoch, .now = clock_.NowMs()};
  KEDGE_TRY(found.baseline, baselines_.Find(subject->baseline));
  if (found.baseline != nullptr) {
    FleetEvidence evidence({.features = found.baseline->shapes.size(),
                            .alarm_days = settings_.alarm_days,
                            .now = found.now,
                            .epoch = subject->epoch});
    KEDGE_TRY_STATUS(AddDevices(*subject, evidence));
    found.fleet = evidence.Finish();
  }
  return store_.Write([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY_STATUS(store::Fence(transaction, lease));
    return Record(transaction, found);
  });
}

Status DriftJudge::Record(store::Transaction& transaction, const Found& found) {
  KEDGE_TRY(auto subject, store::FindSubject(transaction, found.subject));
  if (!subject) return {};
  if (subject->epoch != found.epoch) return {};  // evidence began anew meanwhile: judged again soon
  subject->judged = found.now;
  if (found.baseline == nullptr) return store::PutSubject(transaction, *subject);

  MergedDetectors detectors(*found.baseline, subject->detectors);
  int64_t samples = 0;
  if (found.now - subject->stepped >= kMergedStepMs && !subject->pending.empty()) {
    KEDGE_TRY(const SubjectCounts window, ReadCounts(subject->pending));
    samples = static_cast<int64_t>(window.counts.samples);
    detectors.Step(window);
    subject->detectors = detectors.Text();
    subject->pending.clear();
    subject->stepped = found.now;
  }
  const double threshold =
      stats::AlarmThreshold(1000.0 / static_cast<double>(kMergedStepMs),
                            {.alarms = 1, .period_s = settings_.alarm_days * kSecondsOfDay});
  const std::vector<double> merged = detectors.Evidence();
  Judgement judgement{.alarm_days = settings_.alarm_days,
                      .devices = found.fleet.devices,
                      .named = static_cast<int64_t>(found.fleet.named.size())};
  for (size_t f = 0; f < merged.size(); ++f) {
    judgement.features.push_back({.merged = merged[f] / threshold,
                                  .mean = found.fleet.mean_levels[f],
                                  .affected = found.fleet.affected[f],
                                  .tags = found.fleet.tags[f]});
    judgement.level += judgement.features.back().level() / static_cast<double>(merged.size());
  }
  KEDGE_TRY(const auto hours,
            store::CountsSince(transaction, {.subject = subject->id},
                               found.now - kHoursOfWindow * 3'600'000, kRowsOfWindow));
  SubjectCounts day;
  for (const store::DriftCounts& hour : hours) {
    KEDGE_TRY(const SubjectCounts counts, ReadCounts(hour.counts));
    KEDGE_TRY_STATUS(day.Add(counts));
  }
  judgement.samples = static_cast<int64_t>(day.counts.samples);
  KEDGE_TRY_STATUS(Estimate(transaction, found, *subject, day, judgement));

  KEDGE_TRY(subject->state, RecordAlarmOf(transaction, found, *subject, judgement));
  KEDGE_TRY_STATUS(RecordNames(transaction, found,
                               subject->state == "ALARM" || subject->state == "ACKNOWLEDGED"));
  KEDGE_TRY_STATUS(RecordPoints(transaction, found, judgement, samples));
  subject->judgement = WriteJudgement(judgement);
  return store::PutSubject(transaction, *subject);
}

Status DriftJudge::Estimate(store::Transaction& transaction, const Found& found,
                            const store::DriftSubject& subject, const SubjectCounts& day,
                            Judgement& judgement) {
  const stats::Baseline& baseline = found.baseline->baseline;
  judgement.estimate = EstimateQuality(baseline, day);
  if (!judgement.estimate) return {};
  KEDGE_TRY(const auto truths,
            store::ReadGroundTruth(transaction,
                                   {.fleet = subject.fleet,
                                    .model = subject.model,
                                    .version = subject.version,
                                    .begin = found.now - kHoursOfWindow * 3'600'000,
                                    .end = found.now + 1},
                                   kLabelsOfWindow));
  std::vector<LabelledOutcome> labels;
  for (const store::GroundTruth& truth : truths) {
    if (truth.score) labels.push_back({*truth.score, truth.label == truth.prediction});
  }
  CorrectByLabels(baseline, labels, *judgement.estimate);
  const auto former = ReadJudgement(subject.judgement).estimate;
  const bool known = former && former->assumption_broken;
  if (judgement.estimate->method != "LABELS" || !judgement.estimate->assumption_broken || known) {
    return {};
  }
  return RecordQualityFell(transaction, subject, *judgement.estimate, found.now);
}

// The state of the subject after it.
Result<std::string> DriftJudge::RecordAlarmOf(store::Transaction& transaction, const Found& found,
                                              const store::DriftSubject& subject,
                                              const Judgement& judgement) {
  fleet::DriftFinding finding{
      .now = found.now, .level = judgement.level, .silenced_until = subject.silenced_until};
  std::vector<NamedTag> tags;
  for (const size_t f : judgement.Ranked()) {
    const FeatureJudgement& feature = judgement.features[f];
    const bool merged_stands_out = feature.merged >= static_cast<double>(judgement.features.size());
    if (feature.affected == 0 && !merged_stands_out) continue;
    finding.features.push_back(found.baseline->baseline.features[f].name);
    if (tags.empty()) tags = feature.tags;
  }
  KEDGE_TRY(auto alarm, store::OpenAlarm(transaction, subject.id));
  std::optional<fleet::DriftAlarmNow> now;
  if (alarm) {
    KEDGE_TRY(const auto state, fleet::ParseDriftAlarmState(alarm->state));
    now = {.state = state, .quiet_since = alarm->quiet_since, .features = TextsOf(alarm->features)};
  }
  const auto step = fleet::Advance(now, finding);
  if (!step) return std::string("QUIET");
  if (!alarm) {
    alarm = {.id = NewAlarmId(found.now),
             .subject = subject.id,
             .fleet = subject.fleet,
             .model = subject.model,
             .version = subject.version,
             .baseline = subject.baseline,
             .opened = found.now};
  }
  alarm->state = fleet::Name(step->alarm.state);
  alarm->quiet_since = step->alarm.quiet_since;
  alarm->evidence = std::max(alarm->evidence, judgement.level);
  alarm->threshold = judgement.alarm_days;
  alarm->affected = std::max(alarm->affected, judgement.named);
  alarm->features = json::Write(json::Value(NamesJson(step->alarm.features)));
  alarm->tags = json::Write(TagsJson(tags, judgement.alarm_days));
  std::vector<std::string> devices;
  for (const NamedDevice& device : found.fleet.named) devices.push_back(device.device);
  KEDGE_TRY_STATUS(store::AddAlarmDevices(transaction, *alarm, devices));
  if (step->changed) {
    KEDGE_TRY_STATUS(
        RecordAlarm(transaction, *alarm, {.now = found.now, .level = judgement.level}));
  } else {
    KEDGE_TRY_STATUS(store::PutAlarm(transaction, *alarm));
  }
  return alarm->state == "CLOSED" ? std::string("QUIET") : alarm->state;
}

// Names are current: a device that is not found any more loses its name, but goes on capturing
// until its time is over.
Status DriftJudge::RecordNames(store::Transaction& transaction, const Found& found, bool captures) {
  KEDGE_TRY(const auto former,
            store::NamedDevices(transaction, found.subject, static_cast<int64_t>(kNamedMax)));
  std::map<std::string, const store::DriftDevice*> were;
  for (const store::DriftDevice& device : former) were[device.key.device] = &device;
  std::vector<store::DriftDevice> changed;
  const size_t n = std::min(found.fleet.named.size(), kNamedMax);
  for (size_t i = 0; i < n; ++i) {
    const NamedDevice& named = found.fleet.named[i];
    store::DriftDevice device{.subject = found.subject, .named = NamedText(named.features)};
    device.key.device = named.device;
    const auto was = were.find(named.device);
    const EpochMs until = was == were.end() ? 0 : was->second->capture_until;
    const bool renews = captures && i < kCaptureDevicesMax && until < found.now + kCaptureMs / 2;
    device.capture_until = renews ? found.now + kCaptureMs : until;
    const bool same = was != were.end() && was->second->named == device.named && !renews;
    if (was != were.end()) were.erase(was);
    if (!same) changed.push_back(std::move(device));
  }
  for (const auto& [name, was] : were) {
    store::DriftDevice device{.subject = found.subject, .capture_until = was->capture_until};
    device.key.device = name;
    changed.push_back(std::move(device));
  }
  return store::NameDevices(transaction, changed);
}

// A point keeps the greatest evidence of its step.
Status DriftJudge::RecordPoints(store::Transaction& transaction, const Found& found,
                                const Judgement& judgement, int64_t samples) {
  std::vector<double> levels = {judgement.level};
  for (const FeatureJudgement& feature : judgement.features) levels.push_back(feature.level());
  for (const store::MetricStep& step : store::kDriftSteps) {
    store::DriftPoint point{.time = found.now / step.ms * step.ms, .samples = samples};
    std::vector<double> greatest = levels;
    KEDGE_TRY(const auto former, store::FindPoint(transaction, found.subject, step.ms, point.time));
    if (former) {
      point.samples += former->samples;
      const std::vector<double> were = ReadLevels(former->evidence);
      for (size_t i = 0; i < std::min(were.size(), greatest.size()); ++i) {
        greatest[i] = std::max(greatest[i], were[i]);
      }
    }
    point.evidence = WriteLevels(greatest);
    KEDGE_TRY_STATUS(store::PutPoint(transaction, found.subject, step.ms, point));
  }
  return {};
}

}  // namespace kedge::server
