// Judges subjects: evidence of the fleet, who is named, the alarm. A leased step.
//
// The fleet's level is half that of its merged counts and half the mean over its devices
// (stats/evidence/alarm_budget.h); a model's is the mean over its features. Merged counts step
// their detectors once a minute at most, devices step their own and report what they believe. The
// rules of the alarm are fleet/drift_alarm.h.
//
// A judgement reads all devices of its subject, so one of a large fleet is made the more seldom the
// longer it takes: a tenth of the time at most goes into it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>

#include "server/api/context.h"
#include "server/drift/baselines.h"
#include "server/drift/counts.h"
#include "server/drift/judgement.h"
#include "server/nodes/leased_loop.h"
#include "store/tables/drift_alarms.h"
#include "store/tables/drift_subjects.h"

namespace kedge::server {

constexpr EpochMs kJudgedAgainMs = 1'000;         // at the soonest, after new reports
constexpr EpochMs kJudgedWithoutMs = 60'000;      // without new reports
constexpr EpochMs kReportingMs = 24 * 3'600'000;  // a device that reported since is in the mean
constexpr EpochMs kMergedStepMs = 60'000;
constexpr int64_t kDevicesOfPage = 2'000;
constexpr size_t kNamedMax = 10'000;           // devices of a subject
constexpr size_t kCaptureDevicesMax = 1'000;   // asked to capture, of a subject
constexpr EpochMs kCaptureMs = 6 * 3'600'000;  // from when a device is named last

struct JudgeSettings {
  double alarm_days = 30;
};

// One thread.
class DriftJudge {
 public:
  // Borrows all.
  DriftJudge(store::Store& store, const Clock& clock, const Arns& arns, Baselines& baselines,
             JudgeSettings settings)
      : store_(store), clock_(clock), arns_(arns), baselines_(baselines), settings_(settings) {}

  // Judges the subject that waits longest; kIdle if none does.
  Result<LeasedStep> Step(const store::Lease& lease);

 private:
  struct Found;
  Result<std::string> Next();
  Status JudgeOne(const std::string& id, const store::Lease& lease);
  Status AddDevices(const store::DriftSubject& subject, FleetEvidence& evidence);
  Status Record(store::Transaction& transaction, const Found& found);
  Status RecordNames(store::Transaction& transaction, const Found& found, bool captures);
  // The estimate of accuracy; an event and alerts if labels contradict what scores promise, once.
  Status Estimate(store::Transaction& transaction, const Found& found,
                  const store::DriftSubject& subject, const SubjectCounts& day,
                  Judgement& judgement);
  Status RecordPoints(store::Transaction& transaction, const Found& found,
                      const Judgement& judgement, int64_t samples);
  Result<std::string> RecordAlarmOf(store::Transaction& transaction, const Found& found,
                                    const store::DriftSubject& subject, const Judgement& judgement);

  store::Store& store_;
  const Clock& clock_;
  const Arns& arns_;
  Baselines& baselines_;
  const JudgeSettings settings_;
  std::map<std::string, EpochMs> not_before_;  // of subjects whose judgement takes long
};

// The evidence of each point of drift_points: the model's level and one a feature, as log10 with
// one decimal, separated by spaces.
std::string WriteLevels(const std::vector<double>& levels);
std::vector<double> ReadLevels(const std::string& text);

}  // namespace kedge::server
