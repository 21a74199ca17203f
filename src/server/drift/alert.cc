// SPDX-License-Identifier: Apache-2.0
#include "server/drift/alert.h"

#include <algorithm>
#include <cmath>

#include "base/bytes.h"
#include "base/crypto/crypto.h"
#include "server/api/input.h"
#include "server/api/wire.h"

namespace kedge::server {
namespace {

constexpr int64_t kAlertVersion = 1;

// Names in the list, or "fleet*"-like prefixes; an empty list wants all.
bool Wants(const std::string& list, std::string_view name) {
  const json::Value value = FromText(list);
  const json::Array* names = value.AsArray();
  if (names == nullptr || names->empty()) return true;
  return std::any_of(names->begin(), names->end(), [&](const json::Value& one) {
    const std::string* text = one.AsString();
    return text != nullptr && *text == name;
  });
}

// Sorts by time, so that alerts of one moment are sent in the order of the alarm's changes.
std::string NewAlertId(EpochMs now) {
  ByteBuffer bytes;
  for (int i = 5; i >= 0; --i) bytes.push_back(static_cast<uint8_t>(now >> (8 * i)));
  const ByteBuffer random = crypto::RandomBytes(10);
  bytes.insert(bytes.end(), random.begin(), random.end());
  return HexEncode(bytes);
}

std::string Line(const json::Value& body, const char* title, const char* member) {
  const std::string text = body.StringOr(member, "");
  return text.empty() ? "" : std::string(title) + text + "\n";
}

std::string Names(const json::Value& body, const char* title, const char* member) {
  const json::Value* list = body.Find(member);
  if (list == nullptr || list->AsArray() == nullptr || list->AsArray()->empty()) return "";
  std::string text;
  for (const json::Value& one : *list->AsArray()) {
    if (one.AsString() != nullptr) text += (text.empty() ? "" : ", ") + *one.AsString();
  }
  return std::string(title) + text + "\n";
}

}  // namespace

std::string_view AlertKindOf(std::string_view alarm_state) {
  if (alarm_state == "WATCH") return kAlertWatch;
  if (alarm_state == "ALARM") return kAlertAlarm;
  if (alarm_state == "ACKNOWLEDGED") return kAlertAcknowledged;
  return alarm_state == "SILENCED" ? kAlertSilenced : kAlertClosed;
}

std::string AlertBody(const std::string& id, const AlertText& text) {
  const store::DriftAlarm& alarm = text.alarm;
  json::Object body{{"Version", kAlertVersion},
                    {"AlertId", id},
                    {"Kind", std::string(text.kind)},
                    {"Time", Seconds(text.now)},
                    {"Message", text.message}};
  if (!alarm.model.empty()) {
    body.Set("DeviceFleetName", alarm.fleet);
    body.Set("ModelName", alarm.model);
    body.Set("ModelVersion", alarm.version);
    body.Set("BaselineId", alarm.baseline);
  }
  if (!alarm.id.empty()) {
    json::Array devices;
    for (const std::string& device : text.devices) devices.emplace_back(device);
    body.Set("AlarmId", alarm.id);
    body.Set("State", alarm.state);
    body.Set("EvidenceLog10", std::log10(std::max(alarm.evidence * alarm.threshold, 1e-9)));
    body.Set("ThresholdLog10", std::log10(alarm.threshold));
    body.Set("FeatureNames", FromText(alarm.features));
    body.Set("AffectedDevices", alarm.affected);
    body.Set("DeviceNames", std::move(devices));
    body.Set("Tags", FromText(alarm.tags));
  }
  return json::Write(json::Value(std::move(body)));
}

MailParts AlertMail(const std::string& alert_body) {
  const json::Value body = FromText(alert_body);
  const std::string model = body.StringOr("ModelName", "");
  MailParts parts;
  parts.subject = "[kedge] " + body.StringOr("Kind", "") +
                  (model.empty() ? ""
                                 : ": " + model + " " + body.StringOr("ModelVersion", "") + " in " +
                                       body.StringOr("DeviceFleetName", ""));
  parts.body = body.StringOr("Message", "") + "\n\n" + Line(body, "alarm:    ", "AlarmId") +
               Line(body, "fleet:    ", "DeviceFleetName") + Line(body, "model:    ", "ModelName") +
               Line(body, "version:  ", "ModelVersion") +
               Names(body, "features: ", "FeatureNames") + Names(body, "devices:  ", "DeviceNames");
  return parts;
}

Result<int64_t> QueueAlerts(store::Transaction& transaction, const AlertText& text) {
  KEDGE_TRY(const auto targets,
            store::ListTargets(transaction, {.rows_max = store::kAlertTargetsMax}));
  int64_t queued = 0;
  for (const store::AlertTarget& target : targets.items) {
    if (!Wants(target.kinds, text.kind) || !Wants(target.fleets, text.alarm.fleet)) continue;
    const std::string id = NewAlertId(text.now);
    KEDGE_TRY_STATUS(store::QueueAlert(transaction, {.id = id,
                                                     .target = target.name,
                                                     .kind = std::string(text.kind),
                                                     .body = AlertBody(id, text),
                                                     .created = text.now,
                                                     .next = text.now}));
    ++queued;
  }
  return queued;
}

std::string AlertSignature(const std::string& secret, EpochMs now, const std::string& body) {
  const std::string time = std::to_string(now / 1000);
  const std::string text = time + "." + body;
  const auto mac = crypto::HmacSha256(AsBytes(secret), AsBytes(text));
  return "t=" + time + ",v1=" + HexEncode(mac);
}

}  // namespace kedge::server
