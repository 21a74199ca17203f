// SPDX-License-Identifier: Apache-2.0
#include "store/tables/alerts.h"

namespace kedge::store {
namespace {

constexpr std::string_view kSelect =
    "SELECT name, address, secret, kinds, fleets, created_ms, attempted_ms, delivered, dropped, "
    "last_error FROM alert_targets";

AlertTarget ReadTarget(const Row& row) {
  return {.name = row.Text(0),
          .address = row.Text(1),
          .secret = row.Text(2),
          .kinds = row.Text(3),
          .fleets = row.Text(4),
          .created = row.Integer(5),
          .attempted = row.Integer(6),
          .delivered = row.Integer(7),
          .dropped = row.Integer(8),
          .last_error = row.Text(9)};
}

Status Execute(Transaction& transaction, std::string_view sql,
               std::initializer_list<Value> parameters) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows, transaction.Execute(sql, parameters));
  return {};
}

}  // namespace

Status PutTarget(Transaction& transaction, const AlertTarget& target) {
  return Execute(
      transaction,
      "INSERT INTO alert_targets (name, address, secret, kinds, fleets, created_ms, "
      "attempted_ms, delivered, dropped, last_error) VALUES ($1, $2, $3, $4, $5, $6, 0, "
      "0, 0, '') ON CONFLICT (name) DO UPDATE SET address = excluded.address, secret = "
      "excluded.secret, kinds = excluded.kinds, fleets = excluded.fleets, last_error = "
      "''",
      {target.name, target.address, target.secret, target.kinds, target.fleets, target.created});
}

Result<std::optional<AlertTarget>> FindTarget(Transaction& transaction, const std::string& name) {
  KEDGE_TRY(const Rows rows, transaction.Query(std::string(kSelect) + " WHERE name = $1", {name}));
  if (rows.empty()) return std::optional<AlertTarget>();
  return std::optional<AlertTarget>(ReadTarget(rows[0]));
}

Result<PageOf<AlertTarget>> ListTargets(Transaction& transaction, const Page& page) {
  ListStatement statement(kSelect);
  KEDGE_TRY(const Rows rows, statement.Run(transaction, "created_ms", "name", page));
  return MakePage<AlertTarget>(rows, page, ReadTarget, [](const AlertTarget& target) {
    return Cursor{target.created, target.name};
  });
}

Result<bool> DeleteTarget(Transaction& transaction, const std::string& name) {
  KEDGE_TRY_STATUS(Execute(transaction, "DELETE FROM alert_outbox WHERE target = $1", {name}));
  KEDGE_TRY(const int64_t rows,
            transaction.Execute("DELETE FROM alert_targets WHERE name = $1", {name}));
  return rows > 0;
}

Result<int64_t> CountTargets(Transaction& transaction) {
  KEDGE_TRY(const Rows rows, transaction.Query("SELECT COUNT(*) FROM alert_targets"));
  return rows.at(0).Integer(0);
}

Result<int64_t> CountAlerts(Transaction& transaction, const std::string& target) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT COUNT(*) FROM alert_outbox WHERE target = $1", {target}));
  return rows.at(0).Integer(0);
}

Status QueueAlert(Transaction& transaction, const Alert& alert) {
  KEDGE_TRY(const int64_t waiting, CountAlerts(transaction, alert.target));
  if (waiting >= kAlertsWaitingMax) {
    return Execute(transaction, "UPDATE alert_targets SET dropped = dropped + 1 WHERE name = $1",
                   {alert.target});
  }
  return Execute(
      transaction,
      "INSERT INTO alert_outbox (id, target, kind, body, created_ms, attempts, next_ms) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7)",
      {alert.id, alert.target, alert.kind, alert.body, alert.created, alert.attempts, alert.next});
}

Result<std::vector<Alert>> AlertsToSend(Transaction& transaction, EpochMs now, int64_t rows_max) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT id, target, kind, body, created_ms, attempts, next_ms FROM "
                              "alert_outbox WHERE next_ms <= $1 ORDER BY next_ms, id LIMIT $2",
                              {now, rows_max}));
  std::vector<Alert> alerts;
  for (const Row& row : rows) {
    alerts.push_back({.id = row.Text(0),
                      .target = row.Text(1),
                      .kind = row.Text(2),
                      .body = row.Text(3),
                      .created = row.Integer(4),
                      .attempts = row.Integer(5),
                      .next = row.Integer(6)});
  }
  return alerts;
}

Status EndAttempt(Transaction& transaction, const AlertAttempt& attempt) {
  const Alert& alert = attempt.alert;
  const auto one = [&](AlertEnd end) { return int64_t{attempt.end == end ? 1 : 0}; };
  KEDGE_TRY_STATUS(Execute(transaction,
                           "UPDATE alert_targets SET attempted_ms = $1, last_error = $2, "
                           "delivered = delivered + $3, dropped = dropped + $4 WHERE name = $5",
                           {attempt.time, attempt.error, one(AlertEnd::kDelivered),
                            one(AlertEnd::kDropped), alert.target}));
  if (attempt.end != AlertEnd::kAgain) {
    return Execute(transaction, "DELETE FROM alert_outbox WHERE id = $1", {alert.id});
  }
  return Execute(transaction, "UPDATE alert_outbox SET attempts = $1, next_ms = $2 WHERE id = $3",
                 {alert.attempts, alert.next, alert.id});
}

}  // namespace kedge::store
