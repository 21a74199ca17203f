// SPDX-License-Identifier: Apache-2.0
#include "store/tables/devices.h"

namespace kedge::store {
namespace {

constexpr std::string_view kSelect =
    "SELECT fleet, name, description, thing_name, registered_ms, heartbeat_ms, agent_version, "
    "heartbeat FROM devices";

Device ReadDevice(const Row& row) {
  return {.fleet = row.Text(0),
          .name = row.Text(1),
          .description = row.TextOrNull(2),
          .thing_name = row.TextOrNull(3),
          .registered = row.Integer(4),
          .heartbeat_time = row.IntegerOrNull(5),
          .agent_version = row.TextOrNull(6),
          .heartbeat = row.TextOrNull(7)};
}

}  // namespace

Status InsertDevice(Transaction& transaction, const Device& device) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute(
                "INSERT INTO devices (fleet, name, description, thing_name, registered_ms, "
                "model_names) VALUES ($1, $2, $3, $4, $5, $6)",
                {device.fleet, device.name, Optional(device.description),
                 Optional(device.thing_name), device.registered, std::string()}));
  return {};
}

Result<std::optional<Device>> FindDevice(Transaction& transaction, const std::string& fleet,
                                         const std::string& name) {
  KEDGE_TRY(
      const Rows rows,
      transaction.Query(std::string(kSelect) + " WHERE fleet = $1 AND name = $2", {fleet, name}));
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
            transaction.Query("SELECT COUNT(*) FROM devices WHERE fleet = $1", {fleet}));
  return rows.at(0).Integer(0);
}

Result<bool> DeleteDevice(Transaction& transaction, const std::string& fleet,
                          const std::string& name) {
  KEDGE_TRY(
      const int64_t rows,
      transaction.Execute("DELETE FROM devices WHERE fleet = $1 AND name = $2", {fleet, name}));
  return rows > 0;
}

Result<PageOf<Device>> ListDevices(Transaction& transaction, const DeviceFilter& filter,
                                   const Page& page) {
  ListStatement statement(kSelect);
  statement.WhereOneOf("fleet", filter.visible_fleets);
  statement.WhereContains("fleet", filter.fleet_contains);
  statement.WhereContains("model_names", filter.model_contains);
  statement.Where("heartbeat_ms >", filter.heartbeat_after);
  KEDGE_TRY(const Rows rows, statement.Run(transaction, "fleet", "name", page));
  return MakePage<Device>(rows, page, ReadDevice,
                          [](const Device& device) { return Cursor{device.fleet, device.name}; });
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

Result<bool> UpdateHeartbeat(Transaction& transaction, const HeartbeatUpdate& update) {
  // One text for the "contains" filter; a line break is in no name.
  std::string names;
  for (const std::string& name : update.model_names) names += name + "\n";
  KEDGE_TRY(const int64_t rows,
            transaction.Execute("UPDATE devices SET heartbeat_ms = $1, agent_version = $2, "
                                "model_names = $3, heartbeat = $4 WHERE fleet = $5 AND name = $6",
                                {update.time, update.agent_version, names, update.heartbeat,
                                 update.fleet, update.device}));
  return rows > 0;
}

Status InsertAccessKey(Transaction& transaction, const AccessKey& key) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute("INSERT INTO access_keys (id, secret, role, fleet, device, "
                                "created_ms) VALUES ($1, $2, $3, $4, $5, $6)",
                                {key.id, key.secret, key.role, Optional(key.fleet),
                                 Optional(key.device), key.created}));
  return {};
}

Result<std::optional<AccessKey>> FindAccessKey(Transaction& transaction, const std::string& id) {
  KEDGE_TRY(const Rows rows, transaction.Query("SELECT id, secret, role, fleet, device, created_ms "
                                               "FROM access_keys WHERE id = $1",
                                               {id}));
  if (rows.empty()) return std::optional<AccessKey>();
  const Row& row = rows[0];
  return std::optional<AccessKey>(AccessKey{.id = row.Text(0),
                                            .secret = row.Text(1),
                                            .role = row.Text(2),
                                            .fleet = row.TextOrNull(3),
                                            .device = row.TextOrNull(4),
                                            .created = row.Integer(5)});
}

Status DeleteAccessKeys(Transaction& transaction, const std::string& fleet,
                        const std::string& device) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute("DELETE FROM access_keys WHERE fleet = $1 AND device = $2",
                                {fleet, device}));
  return {};
}

}  // namespace kedge::store
