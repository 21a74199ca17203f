// SPDX-License-Identifier: Apache-2.0
#include "store/tables/devices.h"

#include <set>

#include "store/tables/access_keys.h"
#include "store/tables/device_row.h"
#include "store/tables/fleet_counts.h"

namespace kedge::store {
namespace {

// Registration and removal count where no heartbeat does, so that they wait for no node's row but
// each other's.
constexpr int64_t kRegistrationShard = -1;

}  // namespace

Status InsertDevice(Transaction& transaction, const Device& device) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute(
                "INSERT INTO devices (fleet, name, description, thing_name, registered_ms, "
                "model_names) VALUES ($1, $2, $3, $4, $5, $6)",
                {device.fleet, device.name, Optional(device.description),
                 Optional(device.thing_name), device.registered, std::string()}));
  const DeviceKey key{device.fleet, device.name};
  KEDGE_TRY_STATUS(InsertStates(transaction, {key}));
  Counts counts;
  CountDevice({.key = key}, +1, counts);
  return AddCounts(transaction, counts, kRegistrationShard);
}

Status InsertMissingDevices(Transaction& transaction, const std::string& fleet,
                            const std::vector<std::string>& names, EpochMs now) {
  std::set<DeviceKey> wanted;
  for (const std::string& name : names) wanted.insert({fleet, name});
  std::vector<DeviceKey> keys(wanted.begin(), wanted.end());
  KEDGE_TRY(const auto states, FindStates(transaction, keys));
  std::vector<DeviceKey> missing;
  std::vector<std::vector<Value>> rows;
  Counts counts;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (states[i]) continue;
    missing.push_back(keys[i]);
    rows.push_back({fleet, keys[i].device, now, std::string()});
    CountDevice({.key = keys[i]}, +1, counts);
  }
  if (missing.empty()) return {};
  KEDGE_TRY([[maybe_unused]] const int64_t inserted,
            transaction.ExecuteMany("INSERT INTO devices (fleet, name, registered_ms, model_names) "
                                    "VALUES ($1, $2, $3, $4)",
                                    rows));
  KEDGE_TRY_STATUS(InsertStates(transaction, missing));
  return AddCounts(transaction, counts, kRegistrationShard);
}

Result<std::optional<Device>> FindDevice(Transaction& transaction, const std::string& fleet,
                                         const std::string& name) {
  KEDGE_TRY(const Rows rows,
            transaction.Query(std::string(kSelectDevices) + " WHERE d.fleet = $1 AND d.name = $2",
                              {fleet, name}));
  if (rows.empty()) return std::optional<Device>();
  return std::optional<Device>(ReadDevice(rows[0]));
}

Result<bool> UpdateDevice(Transaction& transaction, const Device& device) {
  KEDGE_TRY(const int64_t rows,
            transaction.Execute("UPDATE devices SET description = $1, thing_name = $2 WHERE fleet "
                                "= $3 AND name = $4",
                                {Optional(device.description), Optional(device.thing_name),
                                 device.fleet, device.name}));
  return rows > 0;
}

Result<int64_t> CountDevices(Transaction& transaction, const std::string& fleet) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT CAST(COALESCE(SUM(n), 0) AS bigint) FROM fleet_counts WHERE "
                              "fleet = $1 AND bucket = 0 AND kind = $2",
                              {fleet, std::string(counted::kRegistered)}));
  return rows.at(0).Integer(0);
}

Result<bool> DeleteDevice(Transaction& transaction, const std::string& fleet,
                          const std::string& name) {
  const DeviceKey key{fleet, name};
  KEDGE_TRY(const auto states, FindStates(transaction, {key}));
  if (states[0]) {
    std::vector<DeviceModel> models;
    for (const LoadedModel& model : states[0]->models) {
      models.push_back({key, model.name, model.version});
    }
    KEDGE_TRY_STATUS(DeleteModels(transaction, models));
    Counts counts;
    CountDevice(*states[0], -1, counts);
    KEDGE_TRY_STATUS(AddCounts(transaction, counts, kRegistrationShard));
  }
  KEDGE_TRY(
      const int64_t rows,
      transaction.Execute("DELETE FROM devices WHERE fleet = $1 AND name = $2", {fleet, name}));
  if (rows > 0) KEDGE_TRY_STATUS(RaiseRightsEpoch(transaction));  // its keys went with it
  return rows > 0;
}

Result<bool> FleetHasDevices(Transaction& transaction, const std::string& fleet) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT name FROM devices WHERE fleet = $1 LIMIT 1", {fleet}));
  return !rows.empty();
}

Result<std::vector<std::string>> DeviceNames(Transaction& transaction, const std::string& fleet) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT name FROM devices WHERE fleet = $1 ORDER BY name", {fleet}));
  std::vector<std::string> names;
  names.reserve(rows.size());
  for (const Row& row : rows) names.push_back(row.Text(0));
  return names;
}

}  // namespace kedge::store
