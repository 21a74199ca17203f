// SPDX-License-Identifier: Apache-2.0
#include "server/drift/alarm_rows.h"

#include <cstdio>

#include "server/api/input.h"
#include "server/drift/alert.h"
#include "store/tables/events.h"

namespace kedge::server {
namespace {

constexpr size_t kNamesInMessage = 5;

std::string FirstNames(const std::vector<std::string>& names, int64_t all) {
  std::string text;
  for (size_t i = 0; i < names.size() && i < kNamesInMessage; ++i) {
    text += (i > 0 ? ", " : "") + names[i];
  }
  const int64_t others = all - static_cast<int64_t>(std::min(names.size(), kNamesInMessage));
  return others > 0 ? text + " and " + std::to_string(others) + " more" : text;
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

// "drift of detector 2: image.sharpness on camera-3, camera-9".
std::string MessageOf(const store::DriftAlarm& alarm, const std::vector<std::string>& devices) {
  const std::vector<std::string> features = TextsOf(alarm.features);
  std::string text =
      "drift of " + alarm.model + " " + alarm.version + " in " + alarm.fleet + " is " + alarm.state;
  if (!features.empty()) {
    text += ": " + FirstNames(features, static_cast<int64_t>(features.size()));
  }
  if (!devices.empty()) text += " on " + FirstNames(devices, alarm.affected);
  return text;
}

store::EventKind KindOf(const std::string& state) {
  if (state == "WATCH") return store::EventKind::kDriftWatched;
  if (state == "ALARM") return store::EventKind::kDriftAlarmed;
  if (state == "ACKNOWLEDGED") return store::EventKind::kDriftAcknowledged;
  return state == "SILENCED" ? store::EventKind::kDriftSilenced : store::EventKind::kDriftClosed;
}

}  // namespace

Status RecordAlarm(store::Transaction& transaction, store::DriftAlarm& alarm,
                   const AlarmChange& change) {
  alarm.changed = change.now;
  alarm.actor = change.actor;
  alarm.comment = change.comment;
  KEDGE_TRY_STATUS(store::PutAlarm(transaction, alarm));
  KEDGE_TRY_STATUS(store::AddAlarmChange(transaction, alarm.id,
                                         {.time = change.now,
                                          .state = alarm.state,
                                          .evidence = change.level,
                                          .actor = change.actor,
                                          .comment = change.comment}));
  KEDGE_TRY(std::vector<std::string> devices, store::AlarmDevices(transaction, alarm.id));
  const std::string message = MessageOf(alarm, devices);
  KEDGE_TRY_STATUS(store::AddEvent(
      transaction, change.now,
      {.kind = KindOf(alarm.state),
       .severity = alarm.state == "ALARM" ? store::Severity::kWarning : store::Severity::kInfo,
       .resource = alarm.id,
       .fleet = alarm.fleet,
       .actor = change.actor,
       .message = message}));
  KEDGE_TRY([[maybe_unused]] const int64_t queued,
            QueueAlerts(transaction, {.kind = AlertKindOf(alarm.state),
                                      .now = change.now,
                                      .alarm = alarm,
                                      .devices = std::move(devices),
                                      .message = message}));
  return {};
}

Status RecordQualityFell(store::Transaction& transaction, const store::DriftSubject& subject,
                         const QualityEstimate& estimate, EpochMs now) {
  char accuracy[32];
  std::snprintf(accuracy, sizeof(accuracy), "%.3f", estimate.value);
  const std::string message = "labels contradict the scores of " + subject.model + " " +
                              subject.version + " in " + subject.fleet + ": accuracy about " +
                              accuracy;
  KEDGE_TRY_STATUS(store::AddEvent(transaction, now,
                                   {.kind = store::EventKind::kQualityFell,
                                    .severity = store::Severity::kWarning,
                                    .resource = subject.model + "/" + subject.version,
                                    .fleet = subject.fleet,
                                    .message = message}));
  store::DriftAlarm about{.subject = subject.id,
                          .fleet = subject.fleet,
                          .model = subject.model,
                          .version = subject.version,
                          .baseline = subject.baseline};
  KEDGE_TRY([[maybe_unused]] const int64_t queued,
            QueueAlerts(transaction,
                        {.kind = kAlertQuality, .now = now, .alarm = about, .message = message}));
  return {};
}

Status RestartEvidence(store::Transaction& transaction, const std::string& subject_id,
                       const std::string& alarm_state, EpochMs now) {
  KEDGE_TRY(auto subject, store::FindSubject(transaction, subject_id));
  if (!subject) return {};
  subject->epoch += 1;
  subject->restarted = now;
  subject->detectors.clear();
  subject->pending.clear();
  subject->state = alarm_state == "CLOSED" ? "QUIET" : alarm_state;
  return store::PutSubject(transaction, *subject);
}

}  // namespace kedge::server
