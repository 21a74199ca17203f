// Alerts: what is said to whom about an alarm. docs/drift-alarms.md has the payload.
//
// An alert is queued in the transaction that changes the alarm, a row for each target that wants to
// hear of it, and sent by the work of alert_outbox.h; so there is none without the change, and a
// server that dies in between sends it later.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/json/json.h"
#include "store/tables/alerts.h"
#include "store/tables/drift_alarms.h"

namespace kedge::server {

// The kinds, words of the API.
constexpr std::string_view kAlertWatch = "DriftWatch";
constexpr std::string_view kAlertAlarm = "DriftAlarm";
constexpr std::string_view kAlertAcknowledged = "DriftAcknowledged";
constexpr std::string_view kAlertSilenced = "DriftSilenced";
constexpr std::string_view kAlertClosed = "DriftClosed";
constexpr std::string_view kAlertQuality = "QualityAlarm";
constexpr std::string_view kAlertTest = "Test";

// The kind of alert that a state of an alarm is.
std::string_view AlertKindOf(std::string_view alarm_state);

struct AlertText {
  std::string_view kind;
  EpochMs now = 0;
  store::DriftAlarm alarm;  // empty but for the fleet of a test
  std::vector<std::string> devices;
  std::string message;  // one sentence
};

// The body of a webhook, JSON.
std::string AlertBody(const std::string& id, const AlertText& text);
// Subject and body of a mail, made from such a body.
struct MailParts {
  std::string subject;
  std::string body;
};
MailParts AlertMail(const std::string& alert_body);

// Queues the alert for every target that wants its kind and fleet; how many.
Result<int64_t> QueueAlerts(store::Transaction& transaction, const AlertText& text);

// The value of X-Kedge-Signature: "t=<seconds>,v1=<HMAC-SHA256 of "<seconds>.<body>", hex>".
std::string AlertSignature(const std::string& secret, EpochMs now, const std::string& body);

}  // namespace kedge::server
