// What the drift operations share: how rows become answers, and what a caller may see.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server/api/context.h"
#include "server/drift/judgement.h"
#include "store/tables/drift_alarms.h"
#include "store/tables/drift_subjects.h"

namespace kedge::server {

// Whether the identity may see the fleet: it is not restricted, or one of its patterns fits.
bool MaySeeFleet(const Identity& identity, const std::string& fleet);

// The subject that a request's DeviceFleetName, ModelName, ModelVersion and BaselineId name.
// kNotFound "No counts of model ...".
Result<store::DriftSubject> NeedSubject(store::Transaction& transaction, const Input& input);

json::Value AlarmJson(const store::DriftAlarm& alarm, const std::vector<std::string>& devices,
                      EpochMs silenced_until);
// With the rows it needs.
Result<json::Value> ReadAlarmJson(store::Transaction& transaction, const store::DriftAlarm& alarm);

}  // namespace kedge::server
