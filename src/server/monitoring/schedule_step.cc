// SPDX-License-Identifier: Apache-2.0
#include "server/monitoring/schedule_step.h"

#include "base/bytes.h"
#include "base/crypto/crypto.h"
#include "base/log.h"
#include "server/monitoring/schedule.h"
#include "store/tables/events.h"

namespace kedge::server {
namespace {

constexpr int64_t kJudgedOfStep = 20;

std::string RandomHex(size_t bytes) { return HexEncode(crypto::RandomBytes(bytes)); }

// model-monitoring-202611282100-<random>: as the service names the processing jobs of executions.
std::string ExecutionName(EpochMs slot) {
  std::string time;
  for (const char c : FormatIso8601(slot).substr(0, 16)) {
    if (c >= '0' && c <= '9') time += c;
  }
  return "model-monitoring-" + time + "-" + RandomHex(12);
}

// The request that the execution works on; an error says why there is none.
Result<json::Value> RequestOf(store::Transaction& transaction,
                              const store::MonitoringSchedule& schedule,
                              const json::Value& config) {
  if (const json::Value* inline_definition = config.Find("MonitoringJobDefinition")) {
    return RequestOfInline(*inline_definition);
  }
  KEDGE_TRY(const auto definition,
            store::FindDefinition(transaction, schedule.kind, schedule.definition));
  if (!definition) {
    return InvalidArgument("job definition " + schedule.definition + " no longer exists");
  }
  return json::Parse(definition->request);
}

Status QueueExecution(store::Transaction& transaction, const store::MonitoringSchedule& schedule,
                      const json::Value& config, EpochMs slot, EpochMs now) {
  KEDGE_TRY(const json::Value request, RequestOf(transaction, schedule, config));
  KEDGE_TRY(const MonitoringWindow window, WindowOf(config, schedule.kind, request, slot));
  KEDGE_TRY(const bool queued, store::HasExecution(transaction, schedule.name, slot));
  if (queued) return {};
  return store::InsertExecution(transaction, {.name = ExecutionName(slot),
                                              .schedule = schedule.name,
                                              .scheduled = slot,
                                              .kind = schedule.kind,
                                              .definition = schedule.definition,
                                              .endpoint = schedule.endpoint,
                                              .request = json::Write(request),
                                              .from = window.from,
                                              .to = window.to,
                                              .created = now,
                                              .modified = now});
}

// The slot of one schedule: its execution, and when the next one is.
Status RunSlot(store::Transaction& transaction, const std::string& name, EpochMs now) {
  KEDGE_TRY(auto found, store::FindSchedule(transaction, name));
  if (!found || !found->next || *found->next > now) return {};  // changed meanwhile
  store::MonitoringSchedule& schedule = *found;
  KEDGE_TRY(const json::Value config, json::Parse(schedule.config));
  const json::Value* when = config.Find("ScheduleConfig");
  KEDGE_TRY(
      const ScheduleRule rule,
      ParseScheduleExpression(when == nullptr ? "NOW" : when->StringOr("ScheduleExpression", "")));
  const EpochMs slot = NewestSlot(rule, *schedule.next, now);
  const Status queued = QueueExecution(transaction, schedule, config, slot, now);
  if (!queued && queued.error().code != Code::kInvalidArgument) return queued;
  if (queued) {
    schedule.next = rule.once ? std::nullopt : std::optional<EpochMs>(NextSlot(rule, slot));
    schedule.failure_reason.clear();
  } else {
    schedule.next = std::nullopt;
    schedule.status = "Failed";
    schedule.failure_reason = queued.error().message;
    schedule.modified = now;
  }
  return store::UpdateSchedule(transaction, schedule);
}

Status Judge(store::Transaction& transaction, store::MonitoringAlert alert, EpochMs now) {
  KEDGE_TRY(const int64_t violating,
            store::CountViolating(transaction, alert.schedule, alert.period));
  const std::string status(violating >= alert.datapoints ? store::kInAlert : store::kAlertOk);
  if (status == alert.status) return {};
  alert.status = status;
  alert.modified = now;
  KEDGE_TRY_STATUS(store::PutAlert(transaction, alert));
  KEDGE_TRY_STATUS(store::InsertAlertChange(transaction, {.id = RandomHex(16),
                                                          .schedule = alert.schedule,
                                                          .alert = alert.name,
                                                          .status = status,
                                                          .created = now}));
  const bool raised = status == store::kInAlert;
  return store::AddEvent(
      transaction, now,
      {.kind = store::EventKind::kMonitoringAlertChanged,
       .severity = raised ? store::Severity::kWarning : store::Severity::kInfo,
       .resource = "monitoring-schedule/" + alert.schedule,
       .message = "alert " + alert.name + " of schedule " + alert.schedule + " is " + status +
                  ": " + std::to_string(violating) + " of the last " +
                  std::to_string(alert.period) + " executions had violations"});
}

}  // namespace

json::Value RequestOfInline(const json::Value& definition) {
  json::Object request;
  const auto move = [&](const char* to, const json::Value* value) {
    if (value != nullptr) request.Set(to, *value);
  };
  json::Object app = *definition.Find("MonitoringAppSpecification")->AsObject();
  if (const json::Value* environment = definition.Find("Environment")) {
    app.Set("Environment", *environment);
  }
  request.Set("DataQualityAppSpecification", std::move(app));
  move("DataQualityBaselineConfig", definition.Find("BaselineConfig"));
  move("DataQualityJobInput", &definition.Find("MonitoringInputs")->AsArray()->front());
  move("DataQualityJobOutputConfig", definition.Find("MonitoringOutputConfig"));
  move("JobResources", definition.Find("MonitoringResources"));
  move("StoppingCondition", definition.Find("StoppingCondition"));
  move("RoleArn", definition.Find("RoleArn"));
  return request;
}

Result<MonitoringWindow> WindowOf(const json::Value& config, const std::string& kind,
                                  const json::Value& request, EpochMs slot) {
  ScheduleRule rule{.once = true};
  std::string start;
  std::string end;
  if (const json::Value* when = config.Find("ScheduleConfig")) {
    KEDGE_TRY(rule, ParseScheduleExpression(when->StringOr("ScheduleExpression", "")));
    start = when->StringOr("DataAnalysisStartTime", "");
    end = when->StringOr("DataAnalysisEndTime", "");
  }
  const json::Value* input = request.Find(kind + "JobInput");
  for (const char* member : {"EndpointInput", "BatchTransformInput"}) {
    const json::Value* one = input == nullptr ? nullptr : input->Find(member);
    if (one == nullptr) continue;
    start = one->StringOr("StartTimeOffset", start);
    end = one->StringOr("EndTimeOffset", end);
  }
  MonitoringWindow window{.from = SlotBefore(rule, slot), .to = slot};
  if (!start.empty()) {
    KEDGE_TRY(const int64_t offset, ParseTimeOffset(start));
    window.from = slot + offset;
  }
  if (!end.empty()) {
    KEDGE_TRY(const int64_t offset, ParseTimeOffset(end));
    window.to = slot + offset;
  }
  if (window.from >= window.to) {
    return InvalidArgument("the window from " + start + " to " + end + " is empty");
  }
  return window;
}

Result<LeasedStep> MonitoringStep(store::Store& store, const Clock& clock,
                                  const store::Lease& lease, JobSignals& executions) {
  std::vector<store::MonitoringSchedule> due;
  std::vector<std::pair<std::string, std::string>> ended;
  const EpochMs now = clock.NowMs();
  KEDGE_TRY_STATUS(store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(due, store::DueSchedules(transaction, now, 1));
    KEDGE_TRY(ended, store::UnjudgedExecutions(transaction, kJudgedOfStep));
    return {};
  }));
  if (due.empty() && ended.empty()) return LeasedStep::kIdle;
  const Status status = store.Write([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY_STATUS(store::Fence(transaction, lease));
    for (const store::MonitoringSchedule& schedule : due) {
      KEDGE_TRY_STATUS(RunSlot(transaction, schedule.name, now));
    }
    for (const auto& [execution, schedule] : ended) {
      KEDGE_TRY_STATUS(store::MarkJudged(transaction, execution));
      KEDGE_TRY(const auto alerts, store::ListAlerts(transaction, schedule));
      for (const store::MonitoringAlert& alert : alerts) {
        KEDGE_TRY_STATUS(Judge(transaction, alert, now));
      }
    }
    return {};
  });
  if (!status) return status.error();
  if (!due.empty()) executions.JobQueued();
  return LeasedStep::kMore;
}

}  // namespace kedge::server
