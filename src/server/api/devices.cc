// Devices of a fleet.
// SPDX-License-Identifier: Apache-2.0
#include "server/api/context.h"
#include "server/api/lookup.h"
#include "server/api/paging.h"
#include "server/api/rollout.h"
#include "server/api/wire.h"
#include "store/tables/certificates.h"
#include "store/tables/events.h"

namespace kedge::server {
namespace {

constexpr int64_t kModelsOfPage = 10;

Status Register(const Context& context, store::Transaction& transaction, const Call& call) {
  const Input input = call.input();
  const std::string fleet = input.Text("DeviceFleetName");
  KEDGE_TRY([[maybe_unused]] const store::Fleet found, NeedFleet(transaction, fleet));
  const json::Array& devices = input.List("Devices");
  KEDGE_TRY(const int64_t count, store::CountDevices(transaction, fleet));
  KEDGE_TRY_STATUS(CheckQuota(count, static_cast<int64_t>(devices.size()), context.quotas.devices,
                              "devices of one fleet"));
  for (const json::Value& item : devices) {
    const Input device(item);
    const std::string name = device.Text("DeviceName");
    const Status status =
        store::InsertDevice(transaction, {.fleet = fleet,
                                          .name = name,
                                          .description = device.TextOrNone("Description"),
                                          .thing_name = device.TextOrNone("IotThingName"),
                                          .registered = context.clock.NowMs()});
    if (!status && status.error().code == Code::kAlreadyExists) {
      return InvalidArgument("Device with name " + name + " is already registered in fleet " +
                             fleet);
    }
    KEDGE_TRY_STATUS(status);
    KEDGE_TRY_STATUS(PutTags(transaction, input, context.arns.Device(fleet, name)));
  }
  return {};
}

Status AddDevicesEvent(const Context& context, store::Transaction& transaction, const Call& call,
                       store::EventKind kind, size_t count) {
  const std::string fleet = call.input().Text("DeviceFleetName");
  return store::AddEvent(transaction, context.clock.NowMs(),
                         {.kind = kind,
                          .resource = context.arns.Fleet(fleet),
                          .fleet = fleet,
                          .actor = call.identity.Principal(),
                          .message = std::to_string(count) + " devices"});
}

Result<json::Value> RegisterDevices(const Context& context, const Call& call) {
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY_STATUS(Register(context, transaction, call));
    return AddDevicesEvent(context, transaction, call, store::EventKind::kDevicesRegistered,
                           call.input().List("Devices").size());
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return json::Value();
}

Result<json::Value> UpdateDevices(const Context& context, const Call& call) {
  const Input input = call.input();
  const std::string fleet = input.Text("DeviceFleetName");
  KEDGE_TRY_STATUS(call.Write(context.store, [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const store::Fleet found, NeedFleet(transaction, fleet));
    for (const json::Value& item : input.List("Devices")) {
      const Input device(item);
      const std::string name = device.Text("DeviceName");
      KEDGE_TRY(
          const bool updated,
          store::UpdateDevice(transaction, {.fleet = fleet,
                                            .name = name,
                                            .description = device.TextOrNone("Description"),
                                            .thing_name = device.TextOrNone("IotThingName")}));
      if (!updated) {
        return InvalidArgument("Device with name " + name + " is not registered in fleet " + fleet);
      }
    }
    return {};
  }));
  return json::Value();
}

// Models as the last heartbeat told them, with or without times.
json::Array ModelsOf(const store::Device& device, bool with_times) {
  json::Array models;
  for (const store::LoadedModel& loaded : device.models) {
    json::Object model{{"ModelName", loaded.name}, {"ModelVersion", loaded.version}};
    if (with_times && loaded.latest_sample > 0) {
      model.Set("LatestSampleTime", Seconds(loaded.latest_sample));
    }
    if (with_times && loaded.latest_inference > 0) {
      model.Set("LatestInference", Seconds(loaded.latest_inference));
    }
    models.push_back(std::move(model));
  }
  return models;
}

json::Object Summary(const Context& context, const store::Device& device) {
  json::Object object{{"DeviceName", device.name},
                      {"DeviceArn", context.arns.Device(device.fleet, device.name)},
                      {"DeviceFleetName", device.fleet},
                      {"RegistrationTime", Seconds(device.registered)}};
  SetIf(object, "Description", device.description);
  SetIf(object, "IotThingName", device.thing_name);
  SetIf(object, "AgentVersion", device.agent_version);
  if (device.heartbeat_time) object.Set("LatestHeartbeat", Seconds(*device.heartbeat_time));
  return object;
}

Result<json::Value> DescribeDevice(const Context& context, const Call& call) {
  const Input input = call.input();
  KEDGE_TRY(const store::Page page, ReadPage(input, call.operation));
  int64_t skipped = 0;
  if (page.after) {
    const auto* number = std::get_if<int64_t>(&page.after->sort_value);
    if (number == nullptr || *number < 0) {
      return InvalidArgument("NextToken is not one that DescribeDevice gave");
    }
    skipped = *number;
  }
  store::Device device;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(device,
              NeedDevice(transaction, input.Text("DeviceFleetName"), input.Text("DeviceName")));
    return {};
  }));
  json::Object answer = Summary(context, device);
  json::Array models = ModelsOf(device, true);
  const size_t first = std::min(static_cast<size_t>(skipped), models.size());
  const size_t last = std::min(first + static_cast<size_t>(kModelsOfPage), models.size());
  if (last < models.size()) {
    SetNextToken(answer, call.operation, store::Cursor{static_cast<int64_t>(last), device.name});
  }
  answer.Set("MaxModels", kModelsOfPage);
  answer.Set("Models", json::Array(models.begin() + static_cast<ptrdiff_t>(first),
                                   models.begin() + static_cast<ptrdiff_t>(last)));
  return json::Value(std::move(answer));
}

Result<json::Value> ListDevices(const Context& context, const Call& call) {
  const Input input = call.input();
  KEDGE_TRY(const store::Page page, ReadPage(input, call.operation));
  const store::DeviceFilter filter{.visible_fleets = call.identity.fleets,
                                   .fleet_contains = input.TextOrNone("DeviceFleetName"),
                                   .model_contains = input.TextOrNone("ModelName"),
                                   .heartbeat_after = input.Time("LatestHeartbeatAfter")};
  store::PageOf<store::Device> devices;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(devices, store::ListDevices(transaction, filter, page));
    return {};
  }));
  json::Array summaries;
  for (const store::Device& device : devices.items) {
    json::Object summary = Summary(context, device);
    summary.Set("Models", ModelsOf(device, false));
    summaries.push_back(std::move(summary));
  }
  json::Object answer{{"DeviceSummaries", std::move(summaries)}};
  SetNextToken(answer, call.operation, devices.next);
  return json::Value(std::move(answer));
}

Result<json::Value> DeregisterDevices(const Context& context, const Call& call) {
  const Input input = call.input();
  const std::string fleet = input.Text("DeviceFleetName");
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const store::Fleet found, NeedFleet(transaction, fleet));
    for (const std::string& name : input.Texts("DeviceNames")) {
      KEDGE_TRY_STATUS(LeaveDeployments(transaction, fleet, name));
      KEDGE_TRY(const bool deleted, store::DeleteDevice(transaction, fleet, name));
      if (!deleted) {
        return InvalidArgument("Device with name " + name + " is not registered in fleet " + fleet);
      }
      KEDGE_TRY_STATUS(store::DeleteTags(transaction, context.arns.Device(fleet, name)));
      const store::Revocation all{.fleet = fleet,
                                  .device = name,
                                  .now = context.clock.NowMs(),
                                  .why = "the device was deregistered"};
      KEDGE_TRY([[maybe_unused]] const int64_t revoked,
                store::RevokeDeviceCertificates(transaction, all));
    }
    return AddDevicesEvent(context, transaction, call, store::EventKind::kDevicesDeregistered,
                           input.List("DeviceNames").size());
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return json::Value();
}

}  // namespace

void AddDeviceRoutes(Router& router, const Context& context) {
  router.Add("RegisterDevices",
             [&context](const Call& call) { return RegisterDevices(context, call); });
  router.Add("UpdateDevices",
             [&context](const Call& call) { return UpdateDevices(context, call); });
  router.Add("DescribeDevice",
             [&context](const Call& call) { return DescribeDevice(context, call); });
  router.Add("ListDevices", [&context](const Call& call) { return ListDevices(context, call); });
  router.Add("DeregisterDevices",
             [&context](const Call& call) { return DeregisterDevices(context, call); });
}

}  // namespace kedge::server
