// Registering many devices: a batch is written whole or not at all, and each device is told apart.
// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "server/api/context.h"
#include "server/api/lookup.h"
#include "server/api/paging.h"
#include "store/tables/events.h"

namespace kedge::server {
namespace {

struct Outcome {
  std::string device;
  const char* result = "REGISTERED";
  std::string message;
};

store::Device ReadDevice(const std::string& fleet, const Input& input, EpochMs now) {
  return {.fleet = fleet,
          .name = input.Text("DeviceName"),
          .description = input.TextOrNone("Description"),
          .thing_name = input.TextOrNone("IotThingName"),
          .registered = now};
}

// What would become of each device of the batch. Nothing is written.
Result<std::vector<Outcome>> Plan(store::Transaction& transaction, const std::string& fleet,
                                  const json::Array& devices) {
  std::vector<Outcome> outcomes;
  std::set<std::string> seen;
  for (const json::Value& item : devices) {
    const store::Device wanted = ReadDevice(fleet, Input(item), 0);
    Outcome outcome{.device = wanted.name};
    KEDGE_TRY(const auto found, store::FindDevice(transaction, fleet, wanted.name));
    if (!seen.insert(wanted.name).second) {
      outcome = {wanted.name, "REFUSED", "the device is in the batch twice"};
    } else if (found && found->description == wanted.description &&
               found->thing_name == wanted.thing_name) {
      outcome.result = "UNCHANGED";
    } else if (found) {
      outcome = {wanted.name, "REFUSED",
                 "a device of this name is registered with another description or thing name"};
    }
    outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

int64_t Count(const std::vector<Outcome>& outcomes, std::string_view result) {
  return std::count_if(outcomes.begin(), outcomes.end(),
                       [&](const Outcome& one) { return one.result == result; });
}

Status Register(const Context& context, store::Transaction& transaction, const Call& call,
                const std::vector<Outcome>& outcomes) {
  const std::string fleet = call.input().Text("DeviceFleetName");
  const int64_t added = Count(outcomes, "REGISTERED");
  KEDGE_TRY(const int64_t count, store::CountDevices(transaction, fleet));
  KEDGE_TRY_STATUS(CheckQuota(count, added, context.quotas.devices, "devices of one fleet"));
  const json::Array& devices = call.input().List("Devices");
  const EpochMs now = context.clock.NowMs();
  for (size_t i = 0; i < devices.size(); ++i) {
    if (std::string_view(outcomes[i].result) != "REGISTERED") continue;
    const Input input(devices[i]);
    KEDGE_TRY_STATUS(store::InsertDevice(transaction, ReadDevice(fleet, input, now)));
    KEDGE_TRY_STATUS(
        PutTags(transaction, input, context.arns.Device(fleet, input.Text("DeviceName"))));
  }
  if (added == 0) return {};
  return store::AddEvent(transaction, now,
                         {.kind = store::EventKind::kDevicesRegistered,
                          .resource = context.arns.Fleet(fleet),
                          .fleet = fleet,
                          .actor = call.identity.Principal(),
                          .message = std::to_string(added) + " devices"});
}

Result<json::Value> ImportDevices(const Context& context, const Call& call) {
  const Input input = call.input();
  const std::string fleet = input.Text("DeviceFleetName");
  const bool dry_run = input.Flag("DryRun");
  std::vector<Outcome> outcomes;
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const auto found, NeedFleet(transaction, fleet));
    KEDGE_TRY(outcomes, Plan(transaction, fleet, input.List("Devices")));
    if (dry_run || Count(outcomes, "REFUSED") > 0) return {};
    return Register(context, transaction, call, outcomes);
  };
  KEDGE_TRY_STATUS(dry_run ? context.store.Read(work) : call.Write(context.store, work));
  json::Array results;
  for (const Outcome& outcome : outcomes) {
    json::Object result{{"DeviceName", outcome.device}, {"Result", outcome.result}};
    if (!outcome.message.empty()) result.Set("Message", outcome.message);
    results.push_back(std::move(result));
  }
  const bool applied = !dry_run && Count(outcomes, "REFUSED") == 0;
  return json::Value(json::Object{{"Applied", applied}, {"Results", std::move(results)}});
}

}  // namespace

void AddImportRoutes(Router& router, const Context& context) {
  router.Add("ImportDevices",
             [&context](const Call& call) { return ImportDevices(context, call); });
}

}  // namespace kedge::server
