// Who hears of alarms, and the outbox of what is still to be sent to them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/tables/list_statement.h"

namespace kedge::store {

constexpr int64_t kAlertTargetsMax = 100;
constexpr int64_t kAlertsWaitingMax = 1'000;  // of one target; further ones are dropped and counted

struct AlertTarget {
  std::string name;
  std::string address;
  std::string secret;  // sealed
  std::string kinds;   // JSON list
  std::string fleets;  // JSON list; empty list: all
  EpochMs created = 0;
  EpochMs attempted = 0;  // 0: never
  int64_t delivered = 0;
  int64_t dropped = 0;
  std::string last_error;
};

// Inserts, or replaces all but the counts.
Status PutTarget(Transaction& transaction, const AlertTarget& target);
Result<std::optional<AlertTarget>> FindTarget(Transaction& transaction, const std::string& name);
Result<PageOf<AlertTarget>> ListTargets(Transaction& transaction, const Page& page);
// With what waits for it. False if there is none.
Result<bool> DeleteTarget(Transaction& transaction, const std::string& name);
Result<int64_t> CountTargets(Transaction& transaction);

struct Alert {
  std::string id;
  std::string target;
  std::string kind;
  std::string body;  // JSON
  EpochMs created = 0;
  int64_t attempts = 0;
  EpochMs next = 0;  // not sent before
};

// Queues it; counted as dropped if too many wait for the target.
Status QueueAlert(Transaction& transaction, const Alert& alert);
// Those whose time has come, the oldest first.
Result<std::vector<Alert>> AlertsToSend(Transaction& transaction, EpochMs now, int64_t rows_max);
Result<int64_t> CountAlerts(Transaction& transaction, const std::string& target);

// What came of an attempt: taken (the row goes), to be tried again, or given up.
enum class AlertEnd { kDelivered, kAgain, kDropped };
struct AlertAttempt {
  Alert alert;  // for kAgain with its new attempts and next
  AlertEnd end = AlertEnd::kDelivered;
  std::string error;
  EpochMs time = 0;
};
Status EndAttempt(Transaction& transaction, const AlertAttempt& attempt);

}  // namespace kedge::store
