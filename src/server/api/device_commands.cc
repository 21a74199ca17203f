// Commands to devices: queued here, fetched with GetDeployments, reported by the device.
// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/crypto.h"
#include "server/api/context.h"
#include "server/api/lookup.h"
#include "server/api/paging.h"
#include "server/api/wire.h"
#include "store/tables/commands.h"
#include "store/tables/events.h"

namespace kedge::server {
namespace {

constexpr int64_t kExpirySeconds = 24 * 3600;
constexpr EpochMs kCommandsKeptMs = EpochMs{30} * 24 * 3600 * 1000;
constexpr int64_t kTidiedMax = 100;             // old commands, with every new one
constexpr int64_t kExpiredMax = 1000;           // rows, likewise
constexpr int64_t kWaitingOfFleetMax = 10'000;  // commands that some device has not ended

// Sorts by time, so that newest first is the order of ids.
std::string NewCommandId(EpochMs now) {
  ByteBuffer bytes;
  for (int i = 5; i >= 0; --i) bytes.push_back(static_cast<uint8_t>(now >> (8 * i)));
  const ByteBuffer random = crypto::RandomBytes(10);
  bytes.insert(bytes.end(), random.begin(), random.end());
  return HexEncode(bytes);
}

// Finished and forgotten ones go when new ones come.
Status Tidy(store::Transaction& transaction, EpochMs now) {
  KEDGE_TRY([[maybe_unused]] const int64_t expired,
            store::ExpireCommands(transaction, now, kExpiredMax));
  KEDGE_TRY([[maybe_unused]] const int64_t deleted,
            store::DeleteCommands(transaction, now - kCommandsKeptMs, kTidiedMax));
  return {};
}

Status CheckParameters(const Input& input) {
  const json::Value* parameters = input.Find("Parameters");
  const bool has_handle = parameters != nullptr && parameters->Find("ModelHandle") != nullptr;
  const bool needs_handle = input.Text("Kind") == "RESTART_MODEL";
  if (needs_handle == has_handle) return {};
  return InvalidArgument(
      "Kind " + input.Text("Kind") +
      (needs_handle ? " needs Parameters.ModelHandle" : " takes no Parameters.ModelHandle"));
}

Result<json::Value> SendDeviceCommand(const Context& context, const Call& call) {
  const Input input = call.input();
  KEDGE_TRY_STATUS(CheckParameters(input));
  const EpochMs now = context.clock.NowMs();
  const std::string parameters = input.JsonText("Parameters");
  const store::DeviceCommand command{
      .id = NewCommandId(now),
      .kind = input.Text("Kind"),
      .parameters = parameters.empty() ? "{}" : parameters,
      .fleet = input.Text("DeviceFleetName"),
      .actor = call.identity.Principal(),
      .created = now,
      .expires = now + input.Integer("ExpiresInSeconds", kExpirySeconds) * 1000};
  std::vector<std::string> devices = input.Texts("DeviceNames");
  std::sort(devices.begin(), devices.end());
  devices.erase(std::unique(devices.begin(), devices.end()), devices.end());
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const auto fleet, NeedFleet(transaction, command.fleet));
    for (const std::string& device : devices) {
      KEDGE_TRY([[maybe_unused]] const auto found, NeedDevice(transaction, command.fleet, device));
    }
    KEDGE_TRY_STATUS(Tidy(transaction, now));
    KEDGE_TRY(const int64_t waiting, store::CountWaitingCommands(transaction, command.fleet, now));
    KEDGE_TRY_STATUS(CheckQuota(waiting, 1, kWaitingOfFleetMax, "waiting commands of one fleet"));
    KEDGE_TRY_STATUS(store::InsertCommand(transaction, command));
    KEDGE_TRY_STATUS(store::InsertCommandDevices(transaction, command, devices));
    return store::AddEvent(
        transaction, now,
        {.kind = store::EventKind::kDeviceCommandQueued,
         .resource = command.id,
         .fleet = command.fleet,
         .actor = command.actor,
         .message = command.kind + " for " + std::to_string(devices.size()) + " devices"});
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return json::Value(json::Object{{"CommandId", command.id}});
}

// A command that is over and was not fetched shows as EXPIRED before its row says so.
std::string ShownStatus(const store::CommandDevice& one, EpochMs now) {
  const bool open = one.status == store::kCommandQueued || one.status == store::kCommandSent;
  return open && one.command.expires <= now ? std::string(store::kCommandExpired) : one.status;
}

json::Value ToJson(const store::CommandDevice& one, EpochMs now) {
  json::Object object{{"CommandId", one.command.id},
                      {"Kind", one.command.kind},
                      {"Parameters", FromText(one.command.parameters)},
                      {"DeviceFleetName", one.command.fleet},
                      {"DeviceName", one.device},
                      {"Status", ShownStatus(one, now)},
                      {"Actor", one.command.actor},
                      {"CreationTime", Seconds(one.command.created)},
                      {"ExpiryTime", Seconds(one.command.expires)},
                      {"LastModifiedTime", Seconds(one.changed)}};
  if (!one.message.empty()) object.Set("Message", one.message);
  if (!one.output.empty()) object.Set("Output", one.output);
  return object;
}

Result<json::Value> ListDeviceCommands(const Context& context, const Call& call) {
  const Input input = call.input();
  KEDGE_TRY(store::Page page, ReadPage(input, call.operation));
  page.ascending = false;
  const EpochMs now = context.clock.NowMs();
  const store::CommandFilter filter{.id = input.TextOrNone("CommandId"),
                                    .fleet = input.Text("DeviceFleetName"),
                                    .device = input.TextOrNone("DeviceName"),
                                    .status = input.TextOrNone("Status")};
  store::PageOf<store::CommandDevice> commands;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const auto fleet, NeedFleet(transaction, *filter.fleet));
    KEDGE_TRY(commands, store::ListCommands(transaction, filter, page));
    return {};
  }));
  json::Array array;
  for (const store::CommandDevice& one : commands.items) array.push_back(ToJson(one, now));
  json::Object answer{{"DeviceCommands", std::move(array)}};
  SetNextToken(answer, call.operation, commands.next);
  return json::Value(std::move(answer));
}

Result<json::Value> CancelDeviceCommand(const Context& context, const Call& call) {
  const Input input = call.input();
  const std::string id = input.Text("CommandId");
  int64_t cancelled = 0;
  KEDGE_TRY_STATUS(call.Write(context.store, [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto command, store::FindCommand(transaction, id));
    if (!command || command->fleet != input.Text("DeviceFleetName")) {
      return NotFound("No command with id: " + id);
    }
    KEDGE_TRY(cancelled, store::CancelCommand(transaction, id, context.clock.NowMs()));
    return {};
  }));
  return json::Value(json::Object{{"CancelledCount", cancelled}});
}

Result<json::Value> ReportDeviceCommand(const Context& context, const Call& call) {
  const Input input = call.input();
  const EpochMs now = context.clock.NowMs();
  const store::CommandEnd end{.id = input.Text("CommandId"),
                              .fleet = input.Text("DeviceFleetName"),
                              .device = input.Text("DeviceName"),
                              .status = input.Text("Status"),
                              .message = input.Text("Message"),
                              .output = input.Text("Output"),
                              .time = now};
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const bool ended, store::EndCommand(transaction, end));
    if (!ended || end.status != store::kCommandFailed) return {};
    return store::AddEvent(transaction, now,
                           {.kind = store::EventKind::kDeviceCommandFailed,
                            .severity = store::Severity::kWarning,
                            .resource = end.id,
                            .fleet = end.fleet,
                            .device = end.device,
                            .actor = call.identity.Principal(),
                            .message = end.message});
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return json::Value();
}

}  // namespace

void AddDeviceCommandRoutes(Router& router, const Context& context) {
  using Function = Result<json::Value> (*)(const Context&, const Call&);
  constexpr std::pair<const char*, Function> kRoutes[] = {
      {"SendDeviceCommand", SendDeviceCommand},
      {"ListDeviceCommands", ListDeviceCommands},
      {"CancelDeviceCommand", CancelDeviceCommand},
      {"ReportDeviceCommand", ReportDeviceCommand},
  };
  for (const auto& route : kRoutes) {
    router.Add(route.first, [&context, handle = route.second](const Call& call) {
      return handle(context, call);
    });
  }
}

}  // namespace kedge::server
