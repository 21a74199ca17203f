// Changing an alarm: its row, its history, the event and the alerts, in one transaction.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "server/drift/judgement.h"
#include "store/tables/drift_alarms.h"
#include "store/tables/drift_subjects.h"

namespace kedge::server {

struct AlarmChange {
  EpochMs now = 0;
  double level = 0;   // evidence now
  std::string actor;  // empty: the server itself
  std::string comment;
};

// Stores the alarm with its new state, adds the change to its history and the feed of events, and
// queues alerts. The alarm's `changed`, `actor` and `comment` are set here.
Status RecordAlarm(store::Transaction& transaction, store::DriftAlarm& alarm,
                   const AlarmChange& change);

// Begins evidence anew after an operator's word: merged detectors are empty, and devices count
// again when their own evidence does not stand out (drift/merge.h). `alarm_state`: its new state.
Status RestartEvidence(store::Transaction& transaction, const std::string& subject,
                       const std::string& alarm_state, EpochMs now);

// Event and alerts: labels contradict what the model's scores promise.
Status RecordQualityFell(store::Transaction& transaction, const store::DriftSubject& subject,
                         const QualityEstimate& estimate, EpochMs now);

}  // namespace kedge::server
