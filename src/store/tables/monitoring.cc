// SPDX-License-Identifier: Apache-2.0
#include "store/tables/monitoring.h"

namespace kedge::store {
namespace {

constexpr std::string_view kSelectDefinition =
    "SELECT kind, name, endpoint, request, created_ms FROM monitoring_definitions";
constexpr std::string_view kSelectSchedule =
    "SELECT name, status, config, kind, definition, endpoint, failure_reason, created_ms, "
    "modified_ms, next_ms FROM monitoring_schedules";
// The job's status as the API spells that of an execution.
constexpr std::string_view kSelectExecution =
    "SELECT name, state, schedule, scheduled_ms, kind, definition, endpoint, request, from_ms, "
    "to_ms, created_ms, modified_ms, status_message, artifact_uri, exit_message FROM (SELECT *, "
    "CASE status WHEN 'STARTING' THEN 'Pending' WHEN 'INPROGRESS' THEN 'InProgress' "
    "WHEN 'COMPLETED' THEN outcome WHEN 'FAILED' THEN 'Failed' WHEN 'STOPPING' THEN 'Stopping' "
    "ELSE 'Stopped' END AS state FROM monitoring_jobs) AS executions";
constexpr std::string_view kSelectChange =
    "SELECT id, schedule, alert, status, created_ms FROM monitoring_alert_changes";

MonitoringDefinition ReadDefinition(const Row& row) {
  return {.kind = row.Text(0),
          .name = row.Text(1),
          .endpoint = row.Text(2),
          .request = row.Text(3),
          .created = row.Integer(4)};
}

MonitoringSchedule ReadSchedule(const Row& row) {
  return {.name = row.Text(0),
          .status = row.Text(1),
          .config = row.Text(2),
          .kind = row.Text(3),
          .definition = row.Text(4),
          .endpoint = row.Text(5),
          .failure_reason = row.Text(6),
          .created = row.Integer(7),
          .modified = row.Integer(8),
          .next = row.IntegerOrNull(9)};
}

MonitoringExecution ReadExecution(const Row& row) {
  return {.name = row.Text(0),
          .state = row.Text(1),
          .schedule = row.Text(2),
          .scheduled = row.Integer(3),
          .kind = row.Text(4),
          .definition = row.Text(5),
          .endpoint = row.Text(6),
          .request = row.Text(7),
          .from = row.Integer(8),
          .to = row.Integer(9),
          .created = row.Integer(10),
          .modified = row.Integer(11),
          .failure_reason = row.Text(12),
          .artifact_uri = row.Text(13),
          .exit_message = row.Text(14)};
}

AlertChange ReadChange(const Row& row) {
  return {.id = row.Text(0),
          .schedule = row.Text(1),
          .alert = row.Text(2),
          .status = row.Text(3),
          .created = row.Integer(4)};
}

template <class T, class Read>
Result<std::optional<T>> First(Result<Rows> rows, Read read) {
  if (!rows) return rows.error();
  if (rows->empty()) return std::optional<T>();
  return std::optional<T>(read((*rows)[0]));
}

Status Done(const Result<int64_t>& rows) {
  if (!rows) return rows.error();
  return {};
}

}  // namespace

// ---- Definitions ----

Status InsertDefinition(Transaction& transaction, const MonitoringDefinition& definition) {
  return Done(transaction.Execute(
      "INSERT INTO monitoring_definitions (kind, name, endpoint, request, created_ms) "
      "VALUES ($1, $2, $3, $4, $5)",
      {definition.kind, definition.name, definition.endpoint, definition.request,
       definition.created}));
}

Result<std::optional<MonitoringDefinition>> FindDefinition(Transaction& transaction,
                                                           const std::string& kind,
                                                           const std::string& name) {
  return First<MonitoringDefinition>(
      transaction.Query(std::string(kSelectDefinition) + " WHERE kind = $1 AND name = $2",
                        {kind, name}),
      ReadDefinition);
}

Result<PageOf<MonitoringDefinition>> ListDefinitions(Transaction& transaction,
                                                     const DefinitionFilter& filter,
                                                     const Page& page) {
  ListStatement statement(kSelectDefinition);
  statement.Where("kind =", std::optional<std::string>(filter.kind));
  statement.Where("endpoint =", filter.endpoint);
  statement.WhereContains("name", filter.name_contains);
  statement.Where(filter.window);
  KEDGE_TRY(const Rows rows,
            statement.Run(transaction, filter.by_name ? "name" : "created_ms", "name", page));
  return MakePage<MonitoringDefinition>(
      rows, page, ReadDefinition, [&](const MonitoringDefinition& definition) {
        return Cursor{filter.by_name ? Value(definition.name) : Value(definition.created),
                      definition.name};
      });
}

Result<bool> DeleteDefinition(Transaction& transaction, const std::string& kind,
                              const std::string& name) {
  KEDGE_TRY(const int64_t rows,
            transaction.Execute("DELETE FROM monitoring_definitions WHERE kind = $1 AND name = $2",
                                {kind, name}));
  return rows > 0;
}

// ---- Schedules ----

Status InsertSchedule(Transaction& transaction, const MonitoringSchedule& schedule) {
  return Done(transaction.Execute(
      "INSERT INTO monitoring_schedules (name, status, config, kind, definition, endpoint, "
      "failure_reason, created_ms, modified_ms, next_ms) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
      {schedule.name, schedule.status, schedule.config, schedule.kind, schedule.definition,
       schedule.endpoint, schedule.failure_reason, schedule.created, schedule.modified,
       Optional(schedule.next)}));
}

Status UpdateSchedule(Transaction& transaction, const MonitoringSchedule& schedule) {
  return Done(transaction.Execute(
      "UPDATE monitoring_schedules SET status = $1, config = $2, kind = $3, definition = $4, "
      "endpoint = $5, failure_reason = $6, modified_ms = $7, next_ms = $8 WHERE name = $9",
      {schedule.status, schedule.config, schedule.kind, schedule.definition, schedule.endpoint,
       schedule.failure_reason, schedule.modified, Optional(schedule.next), schedule.name}));
}

Result<std::optional<MonitoringSchedule>> FindSchedule(Transaction& transaction,
                                                       const std::string& name) {
  return First<MonitoringSchedule>(
      transaction.Query(std::string(kSelectSchedule) + " WHERE name = $1", {name}), ReadSchedule);
}

Result<PageOf<MonitoringSchedule>> ListSchedules(Transaction& transaction,
                                                 const ScheduleFilter& filter, const Page& page) {
  ListStatement statement(kSelectSchedule);
  statement.Where("endpoint =", filter.endpoint);
  statement.WhereContains("name", filter.name_contains);
  statement.Where("status =", filter.status);
  statement.Where("definition =", filter.definition);
  statement.Where("kind =", filter.kind);
  statement.Where(filter.window);
  const bool by_name = filter.sort_by == "Name";
  const bool by_status = filter.sort_by == "Status";
  const char* column = by_name ? "name" : by_status ? "status" : "created_ms";
  KEDGE_TRY(const Rows rows, statement.Run(transaction, column, "name", page));
  return MakePage<MonitoringSchedule>(rows, page, ReadSchedule,
                                      [&](const MonitoringSchedule& schedule) {
                                        if (by_name) return Cursor{schedule.name, schedule.name};
                                        if (by_status)
                                          return Cursor{schedule.status, schedule.name};
                                        return Cursor{schedule.created, schedule.name};
                                      });
}

Result<bool> DeleteSchedule(Transaction& transaction, const std::string& name) {
  KEDGE_TRY_STATUS(
      Done(transaction.Execute("DELETE FROM monitoring_alerts WHERE schedule = $1", {name})));
  KEDGE_TRY(const int64_t rows,
            transaction.Execute("DELETE FROM monitoring_schedules WHERE name = $1", {name}));
  return rows > 0;
}

Result<std::vector<MonitoringSchedule>> DueSchedules(Transaction& transaction, EpochMs now,
                                                     int64_t rows_max) {
  KEDGE_TRY(const Rows rows, transaction.Query(std::string(kSelectSchedule) +
                                                   " WHERE next_ms <= $1 ORDER BY next_ms, name "
                                                   "LIMIT $2",
                                               {now, rows_max}));
  std::vector<MonitoringSchedule> due;
  for (const Row& row : rows) due.push_back(ReadSchedule(row));
  return due;
}

// ---- Executions ----

Status InsertExecution(Transaction& transaction, const MonitoringExecution& execution) {
  KEDGE_TRY(const int64_t turn, NextTurn(transaction, JobKind::kMonitoring, execution.schedule));
  return Done(transaction.Execute(
      "INSERT INTO monitoring_jobs (name, status, schedule, scheduled_ms, kind, definition, "
      "endpoint, request, from_ms, to_ms, created_ms, modified_ms, status_message, artifact_uri, "
      "outcome, exit_message, judged, queue, turn) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, "
      "$10, $11, $12, '', '', '', '', 0, $13, $14)",
      {execution.name, std::string(kJobStarting), execution.schedule, execution.scheduled,
       execution.kind, execution.definition, execution.endpoint, execution.request, execution.from,
       execution.to, execution.created, execution.modified, execution.schedule, turn}));
}

Result<std::optional<MonitoringExecution>> FindExecution(Transaction& transaction,
                                                         const std::string& name) {
  return First<MonitoringExecution>(
      transaction.Query(std::string(kSelectExecution) + " WHERE name = $1", {name}), ReadExecution);
}

Result<bool> HasExecution(Transaction& transaction, const std::string& schedule,
                          EpochMs scheduled) {
  KEDGE_TRY(
      const Rows rows,
      transaction.Query("SELECT 1 FROM monitoring_jobs WHERE schedule = $1 AND scheduled_ms = $2",
                        {schedule, scheduled}));
  return !rows.empty();
}

Result<PageOf<MonitoringExecution>> ListExecutions(Transaction& transaction,
                                                   const ExecutionFilter& filter,
                                                   const Page& page) {
  ListStatement statement(kSelectExecution);
  statement.Where("schedule =", filter.schedule);
  statement.Where("endpoint =", filter.endpoint);
  statement.Where("definition =", filter.definition);
  statement.Where("kind =", filter.kind);
  statement.Where("state =", filter.state);
  statement.Where("scheduled_ms >", filter.scheduled_after);
  statement.Where("scheduled_ms <", filter.scheduled_before);
  statement.Where(filter.window);
  const bool by_slot = filter.sort_by == "ScheduledTime";
  const bool by_state = filter.sort_by == "Status";
  const char* column = by_slot ? "scheduled_ms" : by_state ? "state" : "created_ms";
  KEDGE_TRY(const Rows rows, statement.Run(transaction, column, "name", page));
  return MakePage<MonitoringExecution>(rows, page, ReadExecution,
                                       [&](const MonitoringExecution& execution) {
                                         if (by_slot)
                                           return Cursor{execution.scheduled, execution.name};
                                         if (by_state)
                                           return Cursor{execution.state, execution.name};
                                         return Cursor{execution.created, execution.name};
                                       });
}

Result<std::vector<std::string>> UnendedExecutions(Transaction& transaction,
                                                   const std::string& schedule) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT name FROM monitoring_jobs WHERE queue = $1 AND status IN "
                              "('STARTING', 'INPROGRESS')",
                              {schedule}));
  std::vector<std::string> names;
  for (const Row& row : rows) names.push_back(row.Text(0));
  return names;
}

// ---- Alerts ----

Status PutAlert(Transaction& transaction, const MonitoringAlert& alert) {
  return Done(transaction.Execute(
      "INSERT INTO monitoring_alerts (schedule, name, status, datapoints, period, created_ms, "
      "modified_ms) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (schedule, name) DO UPDATE SET "
      "status = excluded.status, datapoints = excluded.datapoints, period = excluded.period, "
      "modified_ms = excluded.modified_ms",
      {alert.schedule, alert.name, alert.status, alert.datapoints, alert.period, alert.created,
       alert.modified}));
}

Result<std::vector<MonitoringAlert>> ListAlerts(Transaction& transaction,
                                                const std::string& schedule) {
  KEDGE_TRY(
      const Rows rows,
      transaction.Query("SELECT schedule, name, status, datapoints, period, created_ms, "
                        "modified_ms FROM monitoring_alerts WHERE schedule = $1 ORDER BY name",
                        {schedule}));
  std::vector<MonitoringAlert> alerts;
  for (const Row& row : rows) {
    alerts.push_back({.schedule = row.Text(0),
                      .name = row.Text(1),
                      .status = row.Text(2),
                      .datapoints = row.Integer(3),
                      .period = row.Integer(4),
                      .created = row.Integer(5),
                      .modified = row.Integer(6)});
  }
  return alerts;
}

Status InsertAlertChange(Transaction& transaction, const AlertChange& change) {
  return Done(transaction.Execute(
      "INSERT INTO monitoring_alert_changes (id, schedule, alert, status, created_ms) "
      "VALUES ($1, $2, $3, $4, $5)",
      {change.id, change.schedule, change.alert, change.status, change.created}));
}

Result<PageOf<AlertChange>> ListAlertChanges(Transaction& transaction,
                                             const AlertChangeFilter& filter, const Page& page) {
  ListStatement statement(kSelectChange);
  statement.Where("schedule =", filter.schedule);
  statement.Where("alert =", filter.alert);
  statement.Where("status =", filter.status);
  statement.Where(filter.window);
  KEDGE_TRY(const Rows rows,
            statement.Run(transaction, filter.by_status ? "status" : "created_ms", "id", page));
  return MakePage<AlertChange>(rows, page, ReadChange, [&](const AlertChange& change) {
    return Cursor{filter.by_status ? Value(change.status) : Value(change.created), change.id};
  });
}

Result<std::vector<std::pair<std::string, std::string>>> UnjudgedExecutions(
    Transaction& transaction, int64_t rows_max) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT name, schedule FROM monitoring_jobs WHERE judged = 0 AND "
                              "ended_ms IS NOT NULL ORDER BY ended_ms, name LIMIT $1",
                              {rows_max}));
  std::vector<std::pair<std::string, std::string>> found;
  for (const Row& row : rows) found.emplace_back(row.Text(0), row.Text(1));
  return found;
}

Status MarkJudged(Transaction& transaction, const std::string& execution) {
  return Done(
      transaction.Execute("UPDATE monitoring_jobs SET judged = 1 WHERE name = $1", {execution}));
}

Result<int64_t> CountViolating(Transaction& transaction, const std::string& schedule,
                               int64_t period) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT outcome FROM monitoring_jobs WHERE schedule = $1 AND "
                              "status = 'COMPLETED' ORDER BY scheduled_ms DESC LIMIT $2",
                              {schedule, period}));
  int64_t count = 0;
  for (const Row& row : rows) count += row.Text(0) == "CompletedWithViolations" ? 1 : 0;
  return count;
}

}  // namespace kedge::store
