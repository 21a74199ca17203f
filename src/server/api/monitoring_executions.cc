// Executions of monitoring schedules, and the alerts that follow from them.
// SPDX-License-Identifier: Apache-2.0
#include "server/api/context.h"
#include "server/api/monitoring.h"
#include "server/api/paging.h"
#include "server/api/wire.h"

namespace kedge::server {
namespace {

constexpr size_t kReasonBytesMax = 1024;  // FailureReason

Result<json::Value> ListMonitoringExecutions(const Context& context, const Call& call) {
  const Input input = call.input();
  KEDGE_TRY(store::Page page, ReadPage(input, call.operation));
  page.ascending = input.Text("SortOrder") == "Ascending";
  const store::ExecutionFilter filter{.schedule = input.TextOrNone("MonitoringScheduleName"),
                                      .endpoint = input.TextOrNone("EndpointName"),
                                      .definition = input.TextOrNone("MonitoringJobDefinitionName"),
                                      .kind = input.TextOrNone("MonitoringTypeEquals"),
                                      .state = input.TextOrNone("StatusEquals"),
                                      .scheduled_after = input.Time("ScheduledTimeAfter"),
                                      .scheduled_before = input.Time("ScheduledTimeBefore"),
                                      .window = ReadWindow(input),
                                      .sort_by = input.Text("SortBy")};
  store::PageOf<store::MonitoringExecution> found;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(found, store::ListExecutions(transaction, filter, page));
    return {};
  }));
  json::Array summaries;
  for (const store::MonitoringExecution& execution : found.items) {
    summaries.push_back(ExecutionSummary(context, execution));
  }
  json::Object answer{{"MonitoringExecutionSummaries", std::move(summaries)}};
  SetNextToken(answer, call.operation, found.next);
  return json::Value(std::move(answer));
}

Status NeedSchedule(store::Transaction& transaction, const std::string& name) {
  KEDGE_TRY(const auto found, store::FindSchedule(transaction, name));
  if (!found) return NotFound("No monitoring schedule with name: " + name);
  return {};
}

Result<json::Value> ListMonitoringAlerts(const Context& context, const Call& call) {
  const std::string schedule = call.input().Text("MonitoringScheduleName");
  std::vector<store::MonitoringAlert> alerts;
  const Status status = context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY_STATUS(NeedSchedule(transaction, schedule));
    KEDGE_TRY(alerts, store::ListAlerts(transaction, schedule));
    return {};
  });
  if (!status) return status.error();
  json::Array summaries;
  for (const store::MonitoringAlert& alert : alerts) {
    summaries.push_back(json::Object{
        {"MonitoringAlertName", alert.name},
        {"CreationTime", Seconds(alert.created)},
        {"LastModifiedTime", Seconds(alert.modified)},
        {"AlertStatus", alert.status},
        {"DatapointsToAlert", alert.datapoints},
        {"EvaluationPeriod", alert.period},
        {"Actions", json::Object{{"ModelDashboardIndicator", json::Object{{"Enabled", true}}}}}});
  }
  // A schedule has a handful of alerts: one page is all of them.
  return json::Value(json::Object{{"MonitoringAlertSummaries", std::move(summaries)}});
}

Result<json::Value> ListMonitoringAlertHistory(const Context& context, const Call& call) {
  const Input input = call.input();
  KEDGE_TRY(store::Page page, ReadPage(input, call.operation));
  page.ascending = input.Text("SortOrder") == "Ascending";
  const store::AlertChangeFilter filter{.schedule = input.TextOrNone("MonitoringScheduleName"),
                                        .alert = input.TextOrNone("MonitoringAlertName"),
                                        .status = input.TextOrNone("StatusEquals"),
                                        .window = ReadWindow(input),
                                        .by_status = input.Text("SortBy") == "Status"};
  store::PageOf<store::AlertChange> found;
  const Status status = context.store.Read([&](store::Transaction& transaction) -> Status {
    if (filter.schedule) KEDGE_TRY_STATUS(NeedSchedule(transaction, *filter.schedule));
    KEDGE_TRY(found, store::ListAlertChanges(transaction, filter, page));
    return {};
  });
  if (!status) return status.error();
  json::Array history;
  for (const store::AlertChange& change : found.items) {
    history.push_back(json::Object{{"MonitoringScheduleName", change.schedule},
                                   {"MonitoringAlertName", change.alert},
                                   {"CreationTime", Seconds(change.created)},
                                   {"AlertStatus", change.status}});
  }
  json::Object answer{{"MonitoringAlertHistory", std::move(history)}};
  SetNextToken(answer, call.operation, found.next);
  return json::Value(std::move(answer));
}

Result<json::Value> UpdateMonitoringAlert(const Context& context, const Call& call) {
  const Input input = call.input();
  const std::string schedule = input.Text("MonitoringScheduleName");
  const std::string name = input.Text("MonitoringAlertName");
  const int64_t datapoints = input.Integer("DatapointsToAlert", 1);
  const int64_t period = input.Integer("EvaluationPeriod", 1);
  if (datapoints > period) {
    return InvalidArgument("DatapointsToAlert " + std::to_string(datapoints) +
                           " is more than EvaluationPeriod " + std::to_string(period));
  }
  const Status status = call.Write(context.store, [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY_STATUS(NeedSchedule(transaction, schedule));
    KEDGE_TRY(const auto alerts, store::ListAlerts(transaction, schedule));
    for (store::MonitoringAlert alert : alerts) {
      if (alert.name != name) continue;
      alert.datapoints = datapoints;
      alert.period = period;
      alert.modified = context.clock.NowMs();
      return store::PutAlert(transaction, alert);
    }
    return NotFound("No monitoring alert with name: " + name);
  });
  if (!status) return status.error();
  return json::Value(json::Object{
      {"MonitoringScheduleArn", context.arns.SageMaker("monitoring-schedule/" + schedule)},
      {"MonitoringAlertName", name}});
}

}  // namespace

json::Object ExecutionSummary(const Context& context, const store::MonitoringExecution& execution) {
  json::Object summary{
      {"MonitoringScheduleName", execution.schedule},
      {"ScheduledTime", Seconds(execution.scheduled)},
      {"CreationTime", Seconds(execution.created)},
      {"LastModifiedTime", Seconds(execution.modified)},
      {"MonitoringExecutionStatus", execution.state},
      {"ProcessingJobArn", context.arns.SageMaker("processing-job/" + execution.name)},
      {"MonitoringType", execution.kind}};
  if (!execution.endpoint.empty()) summary.Set("EndpointName", execution.endpoint);
  if (!execution.definition.empty()) {
    summary.Set("MonitoringJobDefinitionName", execution.definition);
  }
  // The service's exit message, which it shows with the processing job: there is none here.
  const std::string& reason =
      execution.failure_reason.empty() ? execution.exit_message : execution.failure_reason;
  if (!reason.empty()) summary.Set("FailureReason", reason.substr(0, kReasonBytesMax));
  return summary;
}

void AddMonitoringExecutionRoutes(Router& router, const Context& context) {
  router.Add("ListMonitoringExecutions",
             [&context](const Call& call) { return ListMonitoringExecutions(context, call); });
  router.Add("ListMonitoringAlerts",
             [&context](const Call& call) { return ListMonitoringAlerts(context, call); });
  router.Add("ListMonitoringAlertHistory",
             [&context](const Call& call) { return ListMonitoringAlertHistory(context, call); });
  router.Add("UpdateMonitoringAlert",
             [&context](const Call& call) { return UpdateMonitoringAlert(context, call); });
}

}  // namespace kedge::server
