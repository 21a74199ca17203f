// SPDX-License-Identifier: Apache-2.0
#include "store/tables/drift_alarms.h"

namespace kedge::store {
namespace {

constexpr std::string_view kSelect =
    "SELECT id, subject, fleet, model, version, baseline, state, opened_ms, changed_ms, "
    "quiet_since_ms, evidence, threshold, affected, features, tags, actor, comment "
    "FROM drift_alarms";

DriftAlarm ReadAlarm(const Row& row) {
  return {.id = row.Text(0),
          .subject = row.Text(1),
          .fleet = row.Text(2),
          .model = row.Text(3),
          .version = row.Text(4),
          .baseline = row.Text(5),
          .state = row.Text(6),
          .opened = row.Integer(7),
          .changed = row.Integer(8),
          .quiet_since = row.Integer(9),
          .evidence = row.Real(10),
          .threshold = row.Real(11),
          .affected = row.Integer(12),
          .features = row.Text(13),
          .tags = row.Text(14),
          .actor = row.Text(15),
          .comment = row.Text(16)};
}

std::optional<DriftAlarm> FirstOf(const Rows& rows) {
  if (rows.empty()) return std::nullopt;
  return ReadAlarm(rows[0]);
}

}  // namespace

Status PutAlarm(Transaction& transaction, const DriftAlarm& alarm) {
  KEDGE_TRY(
      [[maybe_unused]] const int64_t changed,
      transaction.Execute(
          "INSERT INTO drift_alarms (id, subject, fleet, model, version, baseline, state, "
          "opened_ms, changed_ms, quiet_since_ms, evidence, threshold, affected, features, tags, "
          "actor, comment) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, "
          "$15, $16, $17) ON CONFLICT (id) DO UPDATE SET state = excluded.state, changed_ms = "
          "excluded.changed_ms, quiet_since_ms = excluded.quiet_since_ms, evidence = "
          "excluded.evidence, threshold = excluded.threshold, affected = excluded.affected, "
          "features = excluded.features, tags = excluded.tags, actor = excluded.actor, comment = "
          "excluded.comment",
          {alarm.id, alarm.subject, alarm.fleet, alarm.model, alarm.version, alarm.baseline,
           alarm.state, alarm.opened, alarm.changed, alarm.quiet_since, alarm.evidence,
           alarm.threshold, alarm.affected, alarm.features, alarm.tags, alarm.actor,
           alarm.comment}));
  return {};
}

Result<std::optional<DriftAlarm>> FindAlarm(Transaction& transaction, const std::string& id) {
  KEDGE_TRY(const Rows rows, transaction.Query(std::string(kSelect) + " WHERE id = $1", {id}));
  return FirstOf(rows);
}

Result<std::optional<DriftAlarm>> OpenAlarm(Transaction& transaction, const std::string& subject) {
  KEDGE_TRY(const Rows rows,
            transaction.Query(std::string(kSelect) + " WHERE subject = $1 AND state <> 'CLOSED' "
                                                     "ORDER BY id DESC LIMIT 1",
                              {subject}));
  return FirstOf(rows);
}

Result<PageOf<DriftAlarm>> ListAlarms(Transaction& transaction, const DriftAlarmFilter& filter,
                                      const Page& page) {
  ListStatement statement(kSelect);
  statement.WhereOneOf("fleet", filter.visible_fleets);
  statement.Where("fleet =", filter.fleet);
  statement.Where("model =", filter.model);
  statement.Where("subject =", filter.subject);
  statement.Where("state =", filter.state);
  if (filter.open_only) statement.Where("state <>", std::optional<std::string>("CLOSED"));
  KEDGE_TRY(const Rows rows, statement.Run(transaction, "opened_ms", "id", page));
  return MakePage<DriftAlarm>(rows, page, ReadAlarm, [](const DriftAlarm& alarm) {
    return Cursor{alarm.opened, alarm.id};
  });
}

Status AddAlarmChange(Transaction& transaction, const std::string& alarm,
                      const DriftAlarmChange& change) {
  KEDGE_TRY([[maybe_unused]] const int64_t inserted,
            transaction.Execute(
                "INSERT INTO drift_alarm_changes (alarm, number, time_ms, state, evidence, actor, "
                "comment) SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3, $4, $5, $6 FROM "
                "drift_alarm_changes WHERE alarm = $7",
                {alarm, change.time, change.state, change.evidence, change.actor, change.comment,
                 alarm}));
  return {};
}

Result<std::vector<DriftAlarmChange>> AlarmChanges(Transaction& transaction,
                                                   const std::string& alarm, int64_t rows_max) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT time_ms, state, evidence, actor, comment FROM "
                              "drift_alarm_changes WHERE alarm = $1 ORDER BY number LIMIT $2",
                              {alarm, rows_max}));
  std::vector<DriftAlarmChange> changes;
  for (const Row& row : rows) {
    changes.push_back({.time = row.Integer(0),
                       .state = row.Text(1),
                       .evidence = row.Real(2),
                       .actor = row.Text(3),
                       .comment = row.Text(4)});
  }
  return changes;
}

Status AddAlarmDevices(Transaction& transaction, const DriftAlarm& alarm,
                       const std::vector<std::string>& devices) {
  KEDGE_TRY(
      const Rows count,
      transaction.Query("SELECT COUNT(*) FROM drift_alarm_devices WHERE alarm = $1", {alarm.id}));
  const int64_t room = kAlarmDevicesMax - count.at(0).Integer(0);
  std::vector<std::vector<Value>> rows;
  for (const std::string& device : devices) {
    if (static_cast<int64_t>(rows.size()) >= room) break;
    rows.push_back({alarm.id, alarm.fleet, device});
  }
  if (rows.empty()) return {};
  KEDGE_TRY([[maybe_unused]] const int64_t inserted,
            transaction.ExecuteMany("INSERT INTO drift_alarm_devices (alarm, fleet, device) "
                                    "VALUES ($1, $2, $3) ON CONFLICT (alarm, device) DO NOTHING",
                                    rows));
  return {};
}

Result<std::vector<std::string>> AlarmDevices(Transaction& transaction, const std::string& alarm) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT device FROM drift_alarm_devices WHERE alarm = $1 "
                              "ORDER BY device LIMIT $2",
                              {alarm, kAlarmDevicesMax}));
  std::vector<std::string> devices;
  for (const Row& row : rows) devices.push_back(row.Text(0));
  return devices;
}

Result<int64_t> DeleteAlarms(Transaction& transaction, EpochMs changed_before, int64_t rows_max) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT id FROM drift_alarms WHERE state = 'CLOSED' AND "
                              "changed_ms < $1 ORDER BY id LIMIT $2",
                              {changed_before, rows_max}));
  if (rows.empty()) return int64_t{0};
  std::vector<std::vector<Value>> ids;
  for (const Row& row : rows) ids.push_back({row.Text(0)});
  for (const char* statement : {"DELETE FROM drift_alarm_devices WHERE alarm = $1",
                                "DELETE FROM drift_alarm_changes WHERE alarm = $1",
                                "DELETE FROM drift_alarms WHERE id = $1"}) {
    KEDGE_TRY([[maybe_unused]] const int64_t deleted, transaction.ExecuteMany(statement, ids));
  }
  return static_cast<int64_t>(rows.size());
}

}  // namespace kedge::store
