// Alarms about drift: listed, acknowledged, closed; and models that are silenced.
// SPDX-License-Identifier: Apache-2.0
#include "fleet/drift_alarm.h"
#include "server/api/drift_json.h"
#include "server/api/paging.h"
#include "server/api/wire.h"
#include "server/drift/alarm_rows.h"

namespace kedge::server {
namespace {

constexpr int64_t kChangesShown = 1'000;

// kNotFound too for an alarm of a fleet that the caller may not see.
Result<store::DriftAlarm> NeedAlarm(store::Transaction& transaction, const Call& call) {
  const std::string id = call.input().Text("AlarmId");
  KEDGE_TRY(auto alarm, store::FindAlarm(transaction, id));
  if (!alarm || !MaySeeFleet(call.identity, alarm->fleet)) {
    return NotFound("No alarm with id: " + id);
  }
  return *std::move(alarm);
}

Result<json::Value> ListDriftAlarms(const Context& context, const Call& call) {
  const Input input = call.input();
  KEDGE_TRY(store::Page page, ReadPage(input, call.operation));
  page.ascending = false;
  const store::DriftAlarmFilter filter{.visible_fleets = call.identity.fleets,
                                       .fleet = input.TextOrNone("DeviceFleetName"),
                                       .model = input.TextOrNone("ModelName"),
                                       .state = input.TextOrNone("State"),
                                       .open_only = input.Flag("OpenOnly")};
  json::Array array;
  std::optional<store::Cursor> next;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto alarms, store::ListAlarms(transaction, filter, page));
    for (const store::DriftAlarm& alarm : alarms.items) {
      KEDGE_TRY(json::Value one, ReadAlarmJson(transaction, alarm));
      array.push_back(std::move(one));
    }
    next = alarms.next;
    return {};
  }));
  json::Object answer{{"Alarms", std::move(array)}};
  SetNextToken(answer, call.operation, next);
  return json::Value(std::move(answer));
}

json::Value ToJson(const store::DriftAlarmChange& change, double alarm_days) {
  json::Object object{{"Time", Seconds(change.time)},
                      {"State", change.state},
                      {"EvidenceLog10", EvidenceLog10(change.evidence, alarm_days)}};
  if (!change.actor.empty()) object.Set("Actor", change.actor);
  if (!change.comment.empty()) object.Set("Comment", change.comment);
  return object;
}

Result<json::Value> DescribeDriftAlarm(const Context& context, const Call& call) {
  json::Value alarm_json;
  json::Array history;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const store::DriftAlarm alarm, NeedAlarm(transaction, call));
    KEDGE_TRY(alarm_json, ReadAlarmJson(transaction, alarm));
    KEDGE_TRY(const auto changes, store::AlarmChanges(transaction, alarm.id, kChangesShown));
    for (const store::DriftAlarmChange& change : changes)
      history.push_back(ToJson(change, alarm.threshold));
    return {};
  }));
  return json::Value(
      json::Object{{"Alarm", std::move(alarm_json)}, {"History", std::move(history)}});
}

// Acknowledges or closes: the rule gives the new state, and evidence begins anew.
Result<json::Value> ChangeAlarm(const Context& context, const Call& call,
                                Result<fleet::DriftAlarmState> (*rule)(fleet::DriftAlarmState)) {
  json::Value answer;
  const EpochMs now = context.clock.NowMs();
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(store::DriftAlarm alarm, NeedAlarm(transaction, call));
    KEDGE_TRY(const auto state, fleet::ParseDriftAlarmState(alarm.state));
    KEDGE_TRY(const auto next, rule(state));
    alarm.state = fleet::Name(next);
    KEDGE_TRY_STATUS(RecordAlarm(transaction, alarm,
                                 {.now = now,
                                  .level = alarm.evidence,
                                  .actor = call.identity.Principal(),
                                  .comment = call.input().Text("Comment")}));
    KEDGE_TRY_STATUS(RestartEvidence(transaction, alarm.subject, alarm.state, now));
    KEDGE_TRY(answer, ReadAlarmJson(transaction, alarm));
    return {};
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return json::Value(json::Object{{"Alarm", std::move(answer)}});
}

// `until` of 0 ends the silence.
Status Silence(const Context& context, const Call& call, EpochMs until) {
  const EpochMs now = context.clock.NowMs();
  return call.Write(context.store, [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(store::DriftSubject subject, NeedSubject(transaction, call.input()));
    subject.silenced_until = until;
    KEDGE_TRY(auto alarm, store::OpenAlarm(transaction, subject.id));
    const bool silences = until > now;
    if (alarm && (silences ? alarm->state == "ALARM" : alarm->state == "SILENCED")) {
      alarm->state = silences ? "SILENCED" : "ALARM";
      subject.state = alarm->state;
      KEDGE_TRY_STATUS(RecordAlarm(transaction, *alarm,
                                   {.now = now,
                                    .level = alarm->evidence,
                                    .actor = call.identity.Principal(),
                                    .comment = call.input().Text("Comment")}));
    }
    return store::PutSubject(transaction, subject);
  });
}

Result<json::Value> SilenceDrift(const Context& context, const Call& call) {
  constexpr int64_t kMinuteMs = 60'000;
  const EpochMs until = context.clock.NowMs() + call.input().Integer("Minutes", 0) * kMinuteMs;
  KEDGE_TRY_STATUS(Silence(context, call, until));
  return json::Value(json::Object{{"SilencedUntil", Seconds(until)}});
}

Result<json::Value> UnsilenceDrift(const Context& context, const Call& call) {
  KEDGE_TRY_STATUS(Silence(context, call, 0));
  return json::Value();
}

}  // namespace

void AddDriftAlarmRoutes(Router& router, const Context& context) {
  using Function = Result<json::Value> (*)(const Context&, const Call&);
  constexpr std::pair<const char*, Function> kRoutes[] = {
      {"ListDriftAlarms", ListDriftAlarms},
      {"DescribeDriftAlarm", DescribeDriftAlarm},
      {"SilenceDrift", SilenceDrift},
      {"UnsilenceDrift", UnsilenceDrift},
  };
  for (const auto& route : kRoutes) {
    router.Add(route.first, [&context, handle = route.second](const Call& call) {
      return handle(context, call);
    });
  }
  router.Add("AcknowledgeDriftAlarm", [&context](const Call& call) {
    return ChangeAlarm(context, call, fleet::Acknowledge);
  });
  router.Add("CloseDriftAlarm",
             [&context](const Call& call) { return ChangeAlarm(context, call, fleet::Close); });
}

}  // namespace kedge::server
