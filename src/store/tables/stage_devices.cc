// The devices of stages: the second half of deployments.h.
// SPDX-License-Identifier: Apache-2.0
#include "store/tables/deployments.h"

namespace kedge::store {
namespace {

constexpr std::string_view kStageDeviceColumns =
    "SELECT d.plan, d.stage, d.fleet, d.device, d.status, d.message, d.reason, d.control_peer, "
    "d.started_ms";

// The first nine columns of a statement on stage_devices.
StageDevice ReadStageDevice(const Row& row) {
  return {.plan = row.Text(0),
          .stage = row.Text(1),
          .fleet = row.Text(2),
          .device = row.Text(3),
          .status = row.Text(4),
          .message = row.Text(5),
          .reason = row.Text(6),
          .control_peer = row.TextOrNull(7),
          .started = row.Integer(8)};
}

Status Done(const Result<int64_t>& rows) {
  if (!rows) return rows.error();
  return {};
}

Result<std::vector<std::string>> ReadNames(const Result<Rows>& rows) {
  if (!rows) return rows.error();
  std::vector<std::string> names;
  names.reserve(rows->size());
  for (const Row& row : *rows) names.push_back(row.Text(0));
  return names;
}

}  // namespace

Status InsertStageDevices(Transaction& transaction, std::span<const StageDevice> devices) {
  std::vector<std::vector<Value>> rows;
  rows.reserve(devices.size());
  for (const StageDevice& device : devices) {
    rows.push_back({device.plan, device.stage, device.fleet, device.device, device.status,
                    device.message, device.reason, Optional(device.control_peer), device.started});
  }
  return Done(transaction.ExecuteMany(
      "INSERT INTO stage_devices (plan, stage, fleet, device, status, message, reason, "
      "control_peer, started_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
      rows));
}

Result<int64_t> DeleteStageDevices(Transaction& transaction, const std::string& plan,
                                   const std::string& stage, int64_t rows_max) {
  return transaction.Execute(
      "DELETE FROM stage_devices WHERE plan = $1 AND stage = $2 AND device IN "
      "(SELECT o.device FROM stage_devices o WHERE o.plan = $1 AND o.stage = $2 "
      "ORDER BY o.device LIMIT $3)",
      {plan, stage, rows_max});
}

Result<std::optional<StageDevice>> FindStageDevice(Transaction& transaction,
                                                   const std::string& plan,
                                                   const std::string& stage,
                                                   const std::string& device) {
  KEDGE_TRY(const Rows rows,
            transaction.Query(std::string(kStageDeviceColumns) +
                                  " FROM stage_devices d "
                                  "WHERE d.plan = $1 AND d.stage = $2 AND d.device = $3",
                              {plan, stage, device}));
  if (rows.empty()) return std::optional<StageDevice>();
  return std::optional<StageDevice>(ReadStageDevice(rows[0]));
}

Result<std::vector<std::string>> PendingStageDevices(Transaction& transaction, const Stage& stage,
                                                     const std::string& after, int64_t rows_max) {
  return ReadNames(transaction.Query(
      "SELECT device FROM stage_devices WHERE plan = $1 AND stage = $2 AND device > $3 "
      "AND status IN ('READYTODEPLOY', 'INPROGRESS') ORDER BY device LIMIT $4",
      {stage.plan, stage.name, after, rows_max}));
}

Result<bool> MoveStageDevice(Transaction& transaction, const StageDevice& device,
                             const std::string& from) {
  KEDGE_TRY(const int64_t changed,
            transaction.Execute(
                "UPDATE stage_devices SET status = $1, message = $2 "
                "WHERE plan = $3 AND stage = $4 AND device = $5 AND status = $6",
                {device.status, device.message, device.plan, device.stage, device.device, from}));
  return changed == 1;
}

Result<int64_t> StopStageDevices(Transaction& transaction, const Stage& stage,
                                 std::span<const std::string> devices, const std::string& message) {
  std::vector<std::vector<Value>> rows;
  rows.reserve(devices.size());
  for (const std::string& device : devices) {
    rows.push_back({message, stage.plan, stage.name, device});
  }
  return transaction.ExecuteMany(
      "UPDATE stage_devices SET status = 'STOPPED', message = $1 WHERE plan = $2 AND stage = $3 "
      "AND device = $4 AND status IN ('READYTODEPLOY', 'INPROGRESS')",
      rows);
}

Result<std::vector<std::string>> FleetDevices(Transaction& transaction, const std::string& fleet,
                                              const std::string& after, int64_t rows_max) {
  return ReadNames(transaction.Query(
      "SELECT name FROM devices WHERE fleet = $1 AND name > $2 ORDER BY name LIMIT $3",
      {fleet, after, rows_max}));
}

Result<bool> AnyDeviceNamed(Transaction& transaction, const std::string& fleet,
                            const std::string& contains) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT name FROM devices WHERE fleet = $1 AND name LIKE $2 LIMIT 1",
                              {fleet, "%" + contains + "%"}));
  return !rows.empty();
}

Result<StageDevicePage> ListStageDevices(Transaction& transaction, const StageDeviceFilter& filter,
                                         const Page& page) {
  // The same device in another stage of the plan; the text stands twice because WHERE cannot name a
  // column of SELECT on both engines.
  const std::string elsewhere =
      "(SELECT MIN(o.stage) FROM stage_devices o WHERE o.fleet = d.fleet AND o.device = d.device "
      "AND "
      "o.plan = d.plan AND o.stage <> d.stage AND o.status = 'DEPLOYED')";
  ListStatement statement(std::string(kStageDeviceColumns) + ", " + elsewhere +
                          " FROM stage_devices d");
  statement.Where("d.plan =", std::optional<std::string>(filter.plan));
  statement.Where("d.stage =", std::optional<std::string>(filter.stage));
  if (filter.exclude_deployed_elsewhere) {
    statement.Where(elsewhere + " IS NULL AND 1 =", std::optional<int64_t>(1));
  }
  KEDGE_TRY(const Rows rows, statement.Run(transaction, "d.device", "d.device", page));
  StageDevicePage result;
  result.page = MakePage<StageDevice>(rows, page, ReadStageDevice, [](const StageDevice& device) {
    return Cursor{device.device, device.device};
  });
  for (size_t i = 0; i < result.page.items.size(); ++i) {
    result.elsewhere.push_back(rows[i].TextOrNull(9));
  }
  return result;
}

}  // namespace kedge::store
