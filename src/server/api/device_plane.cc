// What a device asks and reports.
// SPDX-License-Identifier: Apache-2.0
#include "protocol/edge_api.h"
#include "server/api/context.h"
#include "server/api/desired_state.h"
#include "server/api/lookup.h"
#include "server/api/paging.h"
#include "server/api/rollout.h"
#include "server/api/wire.h"
#include "server/auth/object_rights.h"
#include "server/keys/signing_rotation.h"
#include "store/tables/commands.h"
#include "store/tables/desired_models.h"

namespace kedge::server {
namespace {

constexpr int64_t kRegistrationTtlSeconds = 300;
constexpr int64_t kCommandsOfAnswer = 16;

Result<json::Value> GetDeviceRegistration(const Context& context, const Call& call) {
  const Input input = call.input();
  protocol::DeviceRegistration answer{.cache_ttl_seconds = kRegistrationTtlSeconds};
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto device, store::FindDevice(transaction, input.Text("DeviceFleetName"),
                                                   input.Text("DeviceName")));
    answer.registration = device ? protocol::kRegistered : protocol::kNotRegistered;
    if (device) {
      KEDGE_TRY(const store::Fleet fleet, NeedFleet(transaction, input.Text("DeviceFleetName")));
      KEDGE_TRY(answer.capture_location, FolderOfFleet(fleet));
    }
    KEDGE_TRY(answer.roots_documents, RootsDocuments(transaction));
    return {};
  }));
  return protocol::ToJson(answer);
}

json::Array CommandsJson(const std::vector<store::CommandDevice>& commands) {
  json::Array array;
  for (const store::CommandDevice& one : commands) {
    array.push_back(json::Object{{"CommandId", one.command.id},
                                 {"Kind", one.command.kind},
                                 {"Parameters", FromText(one.command.parameters)}});
  }
  return array;
}

// What a device is told of, and whether telling it changes anything.
struct Polled {
  DesiredDeployments desired;
  std::vector<store::CommandDevice> commands;
  bool any_new = false;
};

Result<Polled> Poll(const Context& context, const std::string& fleet, const std::string& device,
                    EpochMs now) {
  Polled polled;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto awaiting, store::FindAwaiting(transaction, fleet, device));
    if (awaiting.packages) {
      KEDGE_TRY(polled.desired, DesiredState(transaction, fleet, device));
    }
    if (awaiting.commands) {
      KEDGE_TRY(polled.commands,
                store::WaitingCommands(transaction, fleet, device, now, kCommandsOfAnswer));
    }
    if (awaiting.registered) return {};
    const auto found = NeedDevice(transaction, fleet, device);  // says what is missing
    return found ? Status() : found.error();
  }));
  polled.any_new = polled.desired.any_new;
  for (const store::CommandDevice& one : polled.commands) {
    polled.any_new = polled.any_new || one.status == store::kCommandQueued;
  }
  return polled;
}

// Most polls find nothing new: one statement, no write.
void GetDeployments(const Context& context, const Call& call, const Reply& reply) {
  const Input input = call.input();
  const std::string fleet = input.Text("DeviceFleetName");
  const std::string device = input.Text("DeviceName");
  const EpochMs now = context.clock.NowMs();
  auto polled = Poll(context, fleet, device, now);
  if (!polled) return reply(polled.error());
  json::Value answer = protocol::ToJson(polled->desired.deployments);
  if (!polled->commands.empty()) answer.AsObject()->Set("Commands", CommandsJson(polled->commands));
  if (const auto policies = context.capture_orders.Of({fleet, device}); !policies.empty()) {
    answer.AsObject()->Set("CapturePolicies", protocol::ToJson(policies));
  }
  if (const int64_t period_ms = input.Integer("PeriodMs", 0); period_ms > 0) {
    answer.AsObject()->Set("NextContactMs",
                           context.heartbeats.NextContact({fleet, device}, period_ms));
  }
  if (!polled->any_new) return reply(std::move(answer));
  context.store.WriteLater(
      [fleet, device, commands = std::move(polled->commands),
       now](store::Transaction& transaction) -> Status {
        for (const store::CommandDevice& one : commands) {
          KEDGE_TRY([[maybe_unused]] const bool sent,
                    store::MarkCommandSent(transaction, one.command.id, one.device, now));
        }
        return PickUp(transaction, fleet, device);
      },
      [answer = std::move(answer), reply](const Status& status) {
        if (!status) return reply(status.error());
        reply(answer);
      });
}

// Many heartbeats share one commit, and none holds a thread while it waits for it.
void SendHeartbeat(const Context& context, const Call& call, const Reply& reply) {
  auto heartbeat = protocol::ParseHeartbeat(call.body);
  if (!heartbeat) return reply(heartbeat.error());
  const int64_t period_ms = heartbeat->period_ms;
  context.heartbeats.Submit(MakeRecord(std::move(*heartbeat), context.clock.NowMs()), period_ms,
                            [reply](const Result<int64_t>& next_contact_ms) {
                              if (!next_contact_ms) return reply(next_contact_ms.error());
                              reply(protocol::ToJson(protocol::Contact{*next_contact_ms}));
                            });
}

Result<json::Value> ListHeartbeats(const Context& context, const Call& call) {
  const Input input = call.input();
  KEDGE_TRY(const store::Page page, ReadPage(input, call.operation));
  std::vector<store::DeviceState> states;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const store::Fleet fleet, NeedFleet(transaction, input.Text("DeviceFleetName")));
    KEDGE_TRY(states, store::ListStates(transaction, fleet.name, page.after ? page.after->name : "",
                                        page.rows_max));
    return {};
  }));
  json::Array heartbeats;
  for (const store::DeviceState& state : states) {
    json::Object heartbeat{{"DeviceName", state.key.device}};
    if (state.heartbeat_time > 0) {
      heartbeat.Set("LatestHeartbeat", Seconds(state.heartbeat_time));
      heartbeat.Set("Sequence", state.sequence);
      if (!state.boot.empty()) heartbeat.Set("Boot", state.boot);
    }
    heartbeats.push_back(std::move(heartbeat));
  }
  json::Object answer{{"Heartbeats", std::move(heartbeats)}};
  if (static_cast<int64_t>(states.size()) == page.rows_max) {
    const store::DeviceKey& last = states.back().key;
    SetNextToken(answer, call.operation, store::Cursor{last.fleet, last.device});
  }
  return json::Value(std::move(answer));
}

}  // namespace

void AddDevicePlaneRoutes(Router& router, const Context& context) {
  router.Add("GetDeviceRegistration",
             [&context](const Call& call) { return GetDeviceRegistration(context, call); });
  router.AddLater("GetDeployments", [&context](const Call& call, const Reply& reply) {
    GetDeployments(context, call, reply);
  });
  router.Add("ListHeartbeats",
             [&context](const Call& call) { return ListHeartbeats(context, call); });
  router.AddLater("SendHeartbeat", [&context](const Call& call, const Reply& reply) {
    SendHeartbeat(context, call, reply);
  });
}

}  // namespace kedge::server
