// Model Monitor's resources as rows: job definitions, schedules, executions, alerts.
//
// An execution is a job (jobs.h, JobKind::kMonitoring): it is claimed under a lease and ended by
// whoever holds that. What makes it run once is the unique pair of its schedule and slot: of two
// nodes that queue the same slot one is refused by the database. SPDX-License-Identifier:
// Apache-2.0
#pragma once

#include "store/tables/jobs.h"
#include "store/tables/list_statement.h"

namespace kedge::store {

// ---- Definitions ----

struct MonitoringDefinition {
  std::string kind;  // "DataQuality" and so on, as the API's MonitoringType
  std::string name;
  std::string endpoint;  // "" if it reads other objects
  std::string request;   // the validated request, JSON
  EpochMs created = 0;
};
struct DefinitionFilter {
  std::string kind;
  std::optional<std::string> endpoint;
  std::optional<std::string> name_contains;
  TimeWindow window;  // of its making only
  bool by_name = false;
};
Status InsertDefinition(Transaction& transaction, const MonitoringDefinition& definition);
Result<std::optional<MonitoringDefinition>> FindDefinition(Transaction& transaction,
                                                           const std::string& kind,
                                                           const std::string& name);
Result<PageOf<MonitoringDefinition>> ListDefinitions(Transaction& transaction,
                                                     const DefinitionFilter& filter,
                                                     const Page& page);
// False if there is none.
Result<bool> DeleteDefinition(Transaction& transaction, const std::string& kind,
                              const std::string& name);

// ---- Schedules ----

constexpr std::string_view kScheduled = "Scheduled";
constexpr std::string_view kScheduleStopped = "Stopped";

struct MonitoringSchedule {
  std::string name;
  std::string status{kScheduled};
  std::string config;  // MonitoringScheduleConfig, JSON
  std::string kind;
  std::string definition;  // "" if the config holds it
  std::string endpoint;
  std::string failure_reason;
  EpochMs created = 0;
  EpochMs modified = 0;
  std::optional<EpochMs> next;  // the slot that is due then; none: stopped, or ran once
};
struct ScheduleFilter {
  std::optional<std::string> endpoint;
  std::optional<std::string> name_contains;
  std::optional<std::string> status;
  std::optional<std::string> definition;
  std::optional<std::string> kind;
  TimeWindow window;
  std::string sort_by;  // "Name", "Status", else CreationTime
};
Status InsertSchedule(Transaction& transaction, const MonitoringSchedule& schedule);
// All but name and created.
Status UpdateSchedule(Transaction& transaction, const MonitoringSchedule& schedule);
Result<std::optional<MonitoringSchedule>> FindSchedule(Transaction& transaction,
                                                       const std::string& name);
Result<PageOf<MonitoringSchedule>> ListSchedules(Transaction& transaction,
                                                 const ScheduleFilter& filter, const Page& page);
Result<bool> DeleteSchedule(Transaction& transaction, const std::string& name);  // with its alerts
// Those whose slot has come, the longest overdue first.
Result<std::vector<MonitoringSchedule>> DueSchedules(Transaction& transaction, EpochMs now,
                                                     int64_t rows_max);

// ---- Executions ----

struct MonitoringExecution {
  std::string name;
  std::string state{"Pending"};  // as the API spells it, from the job's status and outcome
  std::string schedule;
  EpochMs scheduled = 0;
  std::string kind;
  std::string definition;
  std::string endpoint;
  std::string request;  // the request of the definition as it was at the slot, JSON
  EpochMs from = 0;     // the window of inferences
  EpochMs to = 0;
  EpochMs created = 0;
  EpochMs modified = 0;
  std::string failure_reason;
  std::string artifact_uri;  // where the results are
  std::string exit_message;
};
struct ExecutionFilter {
  std::optional<std::string> schedule;
  std::optional<std::string> endpoint;
  std::optional<std::string> definition;
  std::optional<std::string> kind;
  std::optional<std::string> state;
  std::optional<EpochMs> scheduled_after;
  std::optional<EpochMs> scheduled_before;
  TimeWindow window;
  std::string sort_by;  // "ScheduledTime", "Status", else CreationTime
};
// Queues it. kAlreadyExists if the schedule has one of that slot; kOutOfRange if too many wait.
Status InsertExecution(Transaction& transaction, const MonitoringExecution& execution);
Result<std::optional<MonitoringExecution>> FindExecution(Transaction& transaction,
                                                         const std::string& name);
Result<bool> HasExecution(Transaction& transaction, const std::string& schedule, EpochMs scheduled);
Result<PageOf<MonitoringExecution>> ListExecutions(Transaction& transaction,
                                                   const ExecutionFilter& filter, const Page& page);
// The names of those that wait or run.
Result<std::vector<std::string>> UnendedExecutions(Transaction& transaction,
                                                   const std::string& schedule);

// ---- Alerts ----

constexpr std::string_view kAlertOk = "OK";
constexpr std::string_view kInAlert = "InAlert";
constexpr std::string_view kDefaultAlert = "default";

struct MonitoringAlert {
  std::string schedule;
  std::string name{kDefaultAlert};
  std::string status{kAlertOk};
  int64_t datapoints = 1;
  int64_t period = 1;
  EpochMs created = 0;
  EpochMs modified = 0;
};
struct AlertChange {
  std::string id;
  std::string schedule;
  std::string alert;
  std::string status;
  EpochMs created = 0;
};
struct AlertChangeFilter {
  std::optional<std::string> schedule;
  std::optional<std::string> alert;
  std::optional<std::string> status;
  TimeWindow window;  // of its making only
  bool by_status = false;
};
Status PutAlert(Transaction& transaction, const MonitoringAlert& alert);
Result<std::vector<MonitoringAlert>> ListAlerts(Transaction& transaction,
                                                const std::string& schedule);
Status InsertAlertChange(Transaction& transaction, const AlertChange& change);
Result<PageOf<AlertChange>> ListAlertChanges(Transaction& transaction,
                                             const AlertChangeFilter& filter, const Page& page);
// Executions that have ended and that no alert has looked at, the oldest first: name and schedule.
Result<std::vector<std::pair<std::string, std::string>>> UnjudgedExecutions(
    Transaction& transaction, int64_t rows_max);
Status MarkJudged(Transaction& transaction, const std::string& execution);
// Of the newest `period` executions of the schedule that completed: how many had violations.
Result<int64_t> CountViolating(Transaction& transaction, const std::string& schedule,
                               int64_t period);

}  // namespace kedge::store
