// Monitoring schedules: rows that the leased loop of server/monitoring/ looks at.
// SPDX-License-Identifier: Apache-2.0
#include "server/api/context.h"
#include "server/api/lookup.h"
#include "server/api/monitoring.h"
#include "server/api/paging.h"
#include "server/api/wire.h"
#include "server/monitoring/schedule.h"
#include "server/monitoring/schedule_step.h"

namespace kedge::server {
namespace {

std::string ArnOf(const Context& context, const std::string& name) {
  return context.arns.SageMaker("monitoring-schedule/" + name);
}

Error NoSchedule(const std::string& name) {
  return NotFound("No monitoring schedule with name: " + name);
}

Result<store::MonitoringSchedule> NeedSchedule(store::Transaction& transaction,
                                               const std::string& name) {
  KEDGE_TRY(auto found, store::FindSchedule(transaction, name));
  if (!found) return NoSchedule(name);
  return std::move(*found);
}

Result<ScheduleRule> RuleOf(const json::Value& config) {
  const json::Value* when = config.Find("ScheduleConfig");
  if (when == nullptr) return ScheduleRule{.once = true};
  return ParseScheduleExpression(when->StringOr("ScheduleExpression", ""));
}

// Fills in what the configuration says. kInvalidArgument.
Status ReadConfig(store::Transaction& transaction, const json::Value& config, EpochMs now,
                  store::MonitoringSchedule& schedule) {
  const json::Value* inline_definition = config.Find("MonitoringJobDefinition");
  schedule.definition = config.StringOr("MonitoringJobDefinitionName", "");
  schedule.kind = config.StringOr("MonitoringType", inline_definition ? "DataQuality" : "");
  if (schedule.definition.empty() == (inline_definition == nullptr)) {
    return InvalidArgument(
        "MonitoringScheduleConfig must have one of MonitoringJobDefinition and "
        "MonitoringJobDefinitionName");
  }
  if (schedule.kind.empty()) {
    return InvalidArgument("MonitoringType must be given with MonitoringJobDefinitionName");
  }
  if (inline_definition != nullptr && schedule.kind != "DataQuality") {
    return InvalidArgument("MonitoringJobDefinition is of DataQuality; name a definition for " +
                           schedule.kind);
  }
  json::Value request;
  if (inline_definition != nullptr) {
    request = RequestOfInline(*inline_definition);
    KEDGE_TRY_STATUS(CheckMonitoringRequest(request, schedule.kind));
  } else {
    KEDGE_TRY(const auto definition,
              NeedDefinition(transaction, schedule.kind, schedule.definition));
    request = FromText(definition.request);
  }
  schedule.endpoint = EndpointOf(request, schedule.kind);
  if (!schedule.endpoint.empty()) {
    KEDGE_TRY([[maybe_unused]] const auto fleet, NeedFleet(transaction, schedule.endpoint));
  }
  KEDGE_TRY(const ScheduleRule rule, RuleOf(config));
  schedule.next = NextSlot(rule, now);
  KEDGE_TRY([[maybe_unused]] const MonitoringWindow window,
            WindowOf(config, schedule.kind, request, *schedule.next));
  schedule.config = json::Write(config);
  schedule.failure_reason.clear();
  schedule.modified = now;
  return {};
}

Result<json::Value> Create(const Context& context, const Call& call) {
  const Input input = call.input();
  const EpochMs now = context.clock.NowMs();
  store::MonitoringSchedule schedule{.name = input.Text("MonitoringScheduleName"), .created = now};
  const std::string arn = ArnOf(context, schedule.name);
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto found, store::FindSchedule(transaction, schedule.name));
    if (found) {
      return AlreadyExists("Monitoring schedule with name " + schedule.name + " already exists");
    }
    KEDGE_TRY_STATUS(CheckQuotaOfTable(transaction, "monitoring_schedules",
                                       context.quotas.monitoring_schedules,
                                       "monitoring schedules"));
    KEDGE_TRY_STATUS(
        ReadConfig(transaction, *input.Find("MonitoringScheduleConfig"), now, schedule));
    KEDGE_TRY_STATUS(store::InsertSchedule(transaction, schedule));
    KEDGE_TRY_STATUS(
        store::PutAlert(transaction, {.schedule = schedule.name, .created = now, .modified = now}));
    return PutTags(transaction, input, arn);
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return json::Value(json::Object{{"MonitoringScheduleArn", arn}});
}

Result<json::Value> Update(const Context& context, const Call& call) {
  const Input input = call.input();
  const std::string name = input.Text("MonitoringScheduleName");
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(store::MonitoringSchedule schedule, NeedSchedule(transaction, name));
    KEDGE_TRY_STATUS(ReadConfig(transaction, *input.Find("MonitoringScheduleConfig"),
                                context.clock.NowMs(), schedule));
    if (schedule.status == store::kScheduleStopped) {
      schedule.next = std::nullopt;
    } else {
      schedule.status = store::kScheduled;
    }
    return store::UpdateSchedule(transaction, schedule);
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return json::Value(json::Object{{"MonitoringScheduleArn", ArnOf(context, name)}});
}

Result<json::Value> Start(const Context& context, const Call& call) {
  const std::string name = call.input().Text("MonitoringScheduleName");
  const Status status = call.Write(context.store, [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(store::MonitoringSchedule schedule, NeedSchedule(transaction, name));
    if (schedule.status == store::kScheduled) return {};
    schedule.status = store::kScheduled;
    KEDGE_TRY_STATUS(
        ReadConfig(transaction, FromText(schedule.config), context.clock.NowMs(), schedule));
    return store::UpdateSchedule(transaction, schedule);
  });
  if (!status) return status.error();
  return json::Value();
}

// Executions that wait become Stopped, those that run Stopping.
Result<std::vector<std::string>> StopExecutions(store::Transaction& transaction,
                                                const std::string& schedule, EpochMs now) {
  KEDGE_TRY(auto names, store::UnendedExecutions(transaction, schedule));
  for (const std::string& name : names) {
    KEDGE_TRY([[maybe_unused]] const auto status,
              store::StopJob(transaction, store::JobKind::kMonitoring, name, now));
  }
  return names;
}

Result<json::Value> Stop(const Context& context, const Call& call) {
  const std::string name = call.input().Text("MonitoringScheduleName");
  std::vector<std::string> stopped;
  KEDGE_TRY_STATUS(call.Write(context.store, [&](store::Transaction& transaction) -> Status {
    const EpochMs now = context.clock.NowMs();
    KEDGE_TRY(store::MonitoringSchedule schedule, NeedSchedule(transaction, name));
    schedule.status = store::kScheduleStopped;
    schedule.modified = now;
    schedule.next = std::nullopt;
    KEDGE_TRY(stopped, StopExecutions(transaction, name, now));
    return store::UpdateSchedule(transaction, schedule);
  }));
  for (const std::string& execution : stopped) context.monitoring_jobs.StopRunning(execution);
  return json::Value();
}

Result<json::Value> Delete(const Context& context, const Call& call) {
  const std::string name = call.input().Text("MonitoringScheduleName");
  std::vector<std::string> stopped;
  KEDGE_TRY_STATUS(call.Write(context.store, [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const auto schedule, NeedSchedule(transaction, name));
    KEDGE_TRY(stopped, StopExecutions(transaction, name, context.clock.NowMs()));
    KEDGE_TRY([[maybe_unused]] const bool deleted, store::DeleteSchedule(transaction, name));
    return store::DeleteTags(transaction, ArnOf(context, name));
  }));
  for (const std::string& execution : stopped) context.monitoring_jobs.StopRunning(execution);
  return json::Value();
}

json::Object Summary(const Context& context, const store::MonitoringSchedule& schedule) {
  json::Object summary{{"MonitoringScheduleName", schedule.name},
                       {"MonitoringScheduleArn", ArnOf(context, schedule.name)},
                       {"CreationTime", Seconds(schedule.created)},
                       {"LastModifiedTime", Seconds(schedule.modified)},
                       {"MonitoringScheduleStatus", schedule.status},
                       {"MonitoringType", schedule.kind}};
  if (!schedule.endpoint.empty()) summary.Set("EndpointName", schedule.endpoint);
  return summary;
}

Result<json::Value> Describe(const Context& context, const Call& call) {
  const std::string name = call.input().Text("MonitoringScheduleName");
  store::MonitoringSchedule schedule;
  store::PageOf<store::MonitoringExecution> executions;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(schedule, NeedSchedule(transaction, name));
    store::ExecutionFilter filter;
    filter.schedule = name;
    filter.sort_by = "ScheduledTime";
    KEDGE_TRY(executions, store::ListExecutions(transaction, filter,
                                                {.ascending = false, .after = {}, .rows_max = 1}));
    return {};
  }));
  json::Object answer = Summary(context, schedule);
  answer.Set("MonitoringScheduleConfig", FromText(schedule.config));
  if (!schedule.failure_reason.empty()) answer.Set("FailureReason", schedule.failure_reason);
  if (!executions.items.empty()) {
    answer.Set("LastMonitoringExecutionSummary",
               ExecutionSummary(context, executions.items.front()));
  }
  return json::Value(std::move(answer));
}

Result<json::Value> List(const Context& context, const Call& call) {
  const Input input = call.input();
  KEDGE_TRY(store::Page page, ReadPage(input, call.operation));
  page.ascending = input.Text("SortOrder") == "Ascending";
  const store::ScheduleFilter filter{.endpoint = input.TextOrNone("EndpointName"),
                                     .name_contains = input.TextOrNone("NameContains"),
                                     .status = input.TextOrNone("StatusEquals"),
                                     .definition = input.TextOrNone("MonitoringJobDefinitionName"),
                                     .kind = input.TextOrNone("MonitoringTypeEquals"),
                                     .window = ReadWindow(input),
                                     .sort_by = input.Text("SortBy")};
  store::PageOf<store::MonitoringSchedule> found;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(found, store::ListSchedules(transaction, filter, page));
    return {};
  }));
  json::Array summaries;
  for (const store::MonitoringSchedule& schedule : found.items) {
    json::Object summary = Summary(context, schedule);
    if (!schedule.definition.empty()) {
      summary.Set("MonitoringJobDefinitionName", schedule.definition);
    }
    summaries.push_back(std::move(summary));
  }
  json::Object answer{{"MonitoringScheduleSummaries", std::move(summaries)}};
  SetNextToken(answer, call.operation, found.next);
  return json::Value(std::move(answer));
}

}  // namespace

bool IsMonitoringSchedule(store::Transaction& transaction, const Context& context,
                          const std::string& arn) {
  const std::string prefix = ArnOf(context, "");
  if (!arn.starts_with(prefix)) return false;
  const auto found = store::FindSchedule(transaction, arn.substr(prefix.size()));
  return found && found->has_value();
}

void AddMonitoringScheduleRoutes(Router& router, const Context& context) {
  using Function = Result<json::Value> (*)(const Context&, const Call&);
  constexpr std::pair<const char*, Function> kHandlers[] = {
      {"CreateMonitoringSchedule", Create}, {"UpdateMonitoringSchedule", Update},
      {"StartMonitoringSchedule", Start},   {"StopMonitoringSchedule", Stop},
      {"DeleteMonitoringSchedule", Delete}, {"DescribeMonitoringSchedule", Describe},
      {"ListMonitoringSchedules", List}};
  for (const auto& [name, handler] : kHandlers) {
    router.Add(name,
               [&context, handler = handler](const Call& call) { return handler(context, call); });
  }
}

}  // namespace kedge::server
