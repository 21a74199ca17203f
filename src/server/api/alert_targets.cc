// Receivers of alerts.
// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/crypto.h"
#include "server/api/context.h"
#include "server/api/paging.h"
#include "server/api/wire.h"
#include "server/drift/alert.h"
#include "server/drift/alert_outbox.h"

namespace kedge::server {
namespace {

constexpr size_t kSecretBytes = 32;
constexpr const char* kDefaultKinds = R"(["DriftAlarm","QualityAlarm"])";

json::Value ListOf(const std::string& text) {
  json::Value value = FromText(text);
  return value.AsArray() != nullptr ? std::move(value) : json::Value(json::Array{});
}

json::Value ToJson(const store::AlertTarget& target, int64_t waiting) {
  json::Object object{{"TargetName", target.name},
                      {"Kind", target.address.starts_with("mailto:") ? "EMAIL" : "WEBHOOK"},
                      {"Address", target.address},
                      {"AlertKinds", ListOf(target.kinds)},
                      {"CreationTime", Seconds(target.created)},
                      {"Waiting", waiting},
                      {"Delivered", target.delivered},
                      {"Dropped", target.dropped}};
  if (!target.fleets.empty()) object.Set("DeviceFleetNames", ListOf(target.fleets));
  if (!target.last_error.empty()) object.Set("LastError", target.last_error);
  if (target.attempted > 0) object.Set("LastAttemptTime", Seconds(target.attempted));
  return object;
}

Result<store::AlertTarget> NeedTarget(store::Transaction& transaction, const std::string& name) {
  KEDGE_TRY(auto target, store::FindTarget(transaction, name));
  if (!target) return NotFound("No alert target with name: " + name);
  return *std::move(target);
}

Result<json::Value> PutAlertTarget(const Context& context, const Call& call) {
  const Input input = call.input();
  const std::string name = input.Text("TargetName");
  const std::string kinds = input.JsonText("AlertKinds");
  store::AlertTarget target{.name = name,
                            .address = input.Text("Address"),
                            .kinds = kinds.empty() ? kDefaultKinds : kinds,
                            .fleets = input.JsonText("DeviceFleetNames"),
                            .created = context.clock.NowMs()};
  KEDGE_TRY_STATUS(CheckAlertAddress(target.address, context.alerts.has_mail()));
  const auto given = input.TextOrNone("Secret");
  const std::string secret = given.value_or(HexEncode(crypto::RandomBytes(kSecretBytes)));
  KEDGE_TRY(target.secret, context.alerts.Seal(name, secret));
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto former, store::FindTarget(transaction, name));
    KEDGE_TRY(const int64_t count, store::CountTargets(transaction));
    if (!former) {
      KEDGE_TRY_STATUS(CheckQuota(count, 1, store::kAlertTargetsMax, "alert targets"));
    }
    return store::PutTarget(transaction, target);
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  json::Object answer{{"Target", ToJson(target, 0)}};
  if (!given) answer.Set("Secret", secret);
  return json::Value(std::move(answer));
}

Result<json::Value> ListAlertTargets(const Context& context, const Call& call) {
  KEDGE_TRY(const store::Page page, ReadPage(call.input(), call.operation));
  json::Array array;
  std::optional<store::Cursor> next;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto targets, store::ListTargets(transaction, page));
    for (const store::AlertTarget& target : targets.items) {
      KEDGE_TRY(const int64_t waiting, store::CountAlerts(transaction, target.name));
      array.push_back(ToJson(target, waiting));
    }
    next = targets.next;
    return {};
  }));
  json::Object answer{{"Targets", std::move(array)}};
  SetNextToken(answer, call.operation, next);
  return json::Value(std::move(answer));
}

Result<json::Value> DeleteAlertTarget(const Context& context, const Call& call) {
  const std::string name = call.input().Text("TargetName");
  KEDGE_TRY_STATUS(call.Write(context.store, [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const bool deleted, store::DeleteTarget(transaction, name));
    return deleted ? Status() : Status(NotFound("No alert target with name: " + name));
  }));
  return json::Value();
}

// Waits for the receiver, kAlertTimeout at most.
Result<json::Value> TestAlertTarget(const Context& context, const Call& call) {
  store::AlertTarget target;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(target, NeedTarget(transaction, call.input().Text("TargetName")));
    return {};
  }));
  const EpochMs now = context.clock.NowMs();
  const std::string id = HexEncode(crypto::RandomBytes(16));
  const store::Alert alert{
      .id = id,
      .target = target.name,
      .kind = std::string(kAlertTest),
      .body = AlertBody(id, {.kind = kAlertTest, .now = now, .message = "This is a test."}),
      .created = now};
  const auto sent = context.alerts.Send(target, alert);
  return json::Value(json::Object{{"Delivered", sent.has_value()},
                                  {"Message", sent ? *sent : sent.error().message}});
}

}  // namespace

void AddAlertTargetRoutes(Router& router, const Context& context) {
  using Function = Result<json::Value> (*)(const Context&, const Call&);
  constexpr std::pair<const char*, Function> kRoutes[] = {
      {"PutAlertTarget", PutAlertTarget},
      {"ListAlertTargets", ListAlertTargets},
      {"DeleteAlertTarget", DeleteAlertTarget},
      {"TestAlertTarget", TestAlertTarget},
  };
  for (const auto& route : kRoutes) {
    router.Add(route.first, [&context, handle = route.second](const Call& call) {
      return handle(context, call);
    });
  }
}

}  // namespace kedge::server
