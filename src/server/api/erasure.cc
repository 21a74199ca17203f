// Erasing a device. Its rows go with the call; the captured objects are deleted by the work of
// server/nodes/erasure_work.h.
// SPDX-License-Identifier: Apache-2.0
#include "store/tables/erasure.h"

#include "base/bytes.h"
#include "base/crypto/crypto.h"
#include "server/api/context.h"
#include "server/api/lookup.h"
#include "server/api/rollout.h"
#include "server/api/wire.h"
#include "store/tables/certificates.h"
#include "store/tables/events.h"
#include "store/tables/tags.h"

namespace kedge::server {
namespace {

constexpr int64_t kErasuresListed = 100;
constexpr size_t kIdBytes = 16;

// "s3://bucket/out" and "lab" -> "s3://bucket/out/lab/", where the fleet's captures stand.
json::Array CaptureLocations(const store::Fleet& fleet, const std::optional<std::string>& folder) {
  std::string location = FromText(fleet.output_config).StringOr("S3OutputLocation", "");
  if (!location.ends_with('/')) location += '/';
  json::Array locations{location + fleet.name + "/"};
  if (folder) locations.emplace_back(location + *folder + "/" + fleet.name + "/");
  return locations;
}

// Rows that were deleted.
Result<int64_t> EraseRows(const Context& context, store::Transaction& transaction,
                          const Call& call) {
  const Input input = call.input();
  const std::string name = input.Text("DeviceName");
  KEDGE_TRY(const store::Fleet fleet, NeedFleet(transaction, input.Text("DeviceFleetName")));
  // Counters follow the device's state, so it leaves them before its rows go.
  KEDGE_TRY_STATUS(LeaveDeployments(transaction, fleet.name, name));
  KEDGE_TRY(const bool registered, store::DeleteDevice(transaction, fleet.name, name));
  KEDGE_TRY([[maybe_unused]] const int64_t revoked,
            store::RevokeDeviceCertificates(transaction, {.fleet = fleet.name,
                                                          .device = name,
                                                          .now = context.clock.NowMs(),
                                                          .why = "the device was erased"}));
  KEDGE_TRY(const int64_t rows, store::EraseDeviceRows(transaction, fleet.name, name));
  KEDGE_TRY_STATUS(store::DeleteTags(transaction, context.arns.Device(fleet.name, name)));
  KEDGE_TRY_STATUS(store::InsertErasure(
      transaction,
      {.id = HexEncode(crypto::RandomBytes(kIdBytes)),
       .fleet = fleet.name,
       .device = name,
       .locations = json::Write(CaptureLocations(fleet, input.TextOrNone("CaptureFolderPrefix"))),
       .requested = context.clock.NowMs()}));
  return rows + (registered ? 1 : 0);
}

Result<json::Value> EraseDevice(const Context& context, const Call& call) {
  int64_t rows = 0;
  KEDGE_TRY_STATUS(call.Write(context.store, [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(rows, EraseRows(context, transaction, call));
    return {};
  }));
  return json::Value(json::Object{{"RowsErased", rows}});
}

Result<json::Value> ListErasures(const Context& context) {
  std::vector<store::Erasure> erasures;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(erasures, store::ListErasures(transaction, kErasuresListed));
    return {};
  }));
  json::Array list;
  for (const store::Erasure& erasure : erasures) {
    list.emplace_back(json::Object{{"DeviceFleetName", erasure.fleet},
                                   {"DeviceName", erasure.device},
                                   {"RequestTime", Seconds(erasure.requested)},
                                   {"ObjectsDeleted", erasure.objects_deleted}});
  }
  return json::Value(json::Object{{"Erasures", std::move(list)}});
}

}  // namespace

void AddErasureRoutes(Router& router, const Context& context) {
  router.Add("EraseDevice", [&context](const Call& call) { return EraseDevice(context, call); });
  router.Add("ListErasures", [&context](const Call&) { return ListErasures(context); });
}

}  // namespace kedge::server
