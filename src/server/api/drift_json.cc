// SPDX-License-Identifier: Apache-2.0
#include "server/api/drift_json.h"

#include <algorithm>
#include <cmath>

#include "server/api/lookup.h"
#include "server/api/wire.h"

namespace kedge::server {
namespace {

json::Array Names(const std::vector<std::string>& names) {
  json::Array array;
  for (const std::string& name : names) array.emplace_back(name);
  return array;
}

}  // namespace

bool MaySeeFleet(const Identity& identity, const std::string& fleet) {
  return !identity.IsRestricted() || identity.MayUseFleet(fleet);
}

Result<store::DriftSubject> NeedSubject(store::Transaction& transaction, const Input& input) {
  KEDGE_TRY(const store::Fleet fleet, NeedFleet(transaction, input.Text("DeviceFleetName")));
  const std::string model = input.Text("ModelName");
  const std::string version = input.Text("ModelVersion");
  KEDGE_TRY(auto subject,
            store::LatestSubject(transaction, {.fleet = fleet.name,
                                               .model = model,
                                               .version = version,
                                               .baseline = input.TextOrNone("BaselineId")}));
  if (!subject) {
    return NotFound("No counts of version " + version + " of model " + model + " in fleet " +
                    fleet.name);
  }
  return *std::move(subject);
}

json::Value AlarmJson(const store::DriftAlarm& alarm, const std::vector<std::string>& devices,
                      EpochMs silenced_until) {
  const auto list = [](const std::string& text) {
    json::Value value = FromText(text);
    return value.AsArray() != nullptr ? std::move(value) : json::Value(json::Array{});
  };
  json::Object object{{"AlarmId", alarm.id},
                      {"DeviceFleetName", alarm.fleet},
                      {"ModelName", alarm.model},
                      {"ModelVersion", alarm.version},
                      {"BaselineId", alarm.baseline},
                      {"State", alarm.state},
                      {"OpenTime", Seconds(alarm.opened)},
                      {"ChangeTime", Seconds(alarm.changed)},
                      {"EvidenceLog10", EvidenceLog10(alarm.evidence, alarm.threshold)},
                      {"ThresholdLog10", std::log10(alarm.threshold)},
                      {"FeatureNames", list(alarm.features)},
                      {"DeviceNames", Names(devices)},
                      {"AffectedDevices", alarm.affected},
                      {"Tags", list(alarm.tags)}};
  if (alarm.state == "SILENCED" && silenced_until > 0) {
    object.Set("SilencedUntil", Seconds(silenced_until));
  }
  if (!alarm.actor.empty()) object.Set("Actor", alarm.actor);
  if (!alarm.comment.empty()) object.Set("Comment", alarm.comment);
  return object;
}

Result<json::Value> ReadAlarmJson(store::Transaction& transaction, const store::DriftAlarm& alarm) {
  KEDGE_TRY(const auto devices, store::AlarmDevices(transaction, alarm.id));
  KEDGE_TRY(const auto subject, store::FindSubject(transaction, alarm.subject));
  return AlarmJson(alarm, devices, subject ? subject->silenced_until : 0);
}

}  // namespace kedge::server
