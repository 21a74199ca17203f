// SPDX-License-Identifier: Apache-2.0
#include "store/tables/erasure.h"

#include <array>

#include "store/tables/access_keys.h"

namespace kedge::store {
namespace {

constexpr std::array<DeviceTable, 13> kTables = {{{"access_keys"},
                                                  {"command_devices"},
                                                  {"desired_models"},
                                                  {"device_models"},
                                                  {"device_state"},
                                                  {"drift_alarm_devices"},
                                                  {"drift_devices"},
                                                  {"events"},
                                                  {"ground_truth"},
                                                  {"stage_devices"},
                                                  {"statistics_merged"},
                                                  {"statistics_reports"},
                                                  {"device_certificates", /*row_stays=*/true}}};

}  // namespace

std::span<const DeviceTable> TablesOfDevices() { return kTables; }

Result<int64_t> EraseDeviceRows(Transaction& transaction, const std::string& fleet,
                                const std::string& device) {
  int64_t rows = 0;
  for (const DeviceTable& table : kTables) {
    if (table.row_stays) continue;
    KEDGE_TRY(const int64_t deleted, transaction.Execute("DELETE FROM " + std::string(table.name) +
                                                             " WHERE fleet = $1 AND device = $2",
                                                         {fleet, device}));
    rows += deleted;
  }
  KEDGE_TRY_STATUS(RaiseRightsEpoch(transaction));
  KEDGE_TRY(const int64_t emptied,
            transaction.Execute("UPDATE device_certificates SET fleet = '', device = '', "
                                "seen_address = NULL WHERE fleet = $1 AND device = $2",
                                {fleet, device}));
  return rows + emptied;
}

Status InsertErasure(Transaction& transaction, const Erasure& erasure) {
  KEDGE_TRY([[maybe_unused]] const int64_t inserted,
            transaction.Execute(
                "INSERT INTO erasures (id, fleet, device, locations, start_after, objects_deleted, "
                "requested_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                {erasure.id, erasure.fleet, erasure.device, erasure.locations, erasure.start_after,
                 erasure.objects_deleted, erasure.requested}));
  return {};
}

Result<std::vector<Erasure>> ListErasures(Transaction& transaction, int64_t rows_max) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT id, fleet, device, locations, start_after, objects_deleted, "
                              "requested_ms FROM erasures ORDER BY requested_ms, id LIMIT $1",
                              {rows_max}));
  std::vector<Erasure> erasures;
  for (const Row& row : rows) {
    erasures.push_back({.id = row.Text(0),
                        .fleet = row.Text(1),
                        .device = row.Text(2),
                        .locations = row.Text(3),
                        .start_after = row.Text(4),
                        .objects_deleted = row.Integer(5),
                        .requested = row.Integer(6)});
  }
  return erasures;
}

Status UpdateErasure(Transaction& transaction, const Erasure& erasure) {
  KEDGE_TRY([[maybe_unused]] const int64_t updated,
            transaction.Execute(
                "UPDATE erasures SET locations = $1, start_after = $2, "
                "objects_deleted = $3 WHERE id = $4",
                {erasure.locations, erasure.start_after, erasure.objects_deleted, erasure.id}));
  return {};
}

Status DeleteErasure(Transaction& transaction, const std::string& id) {
  KEDGE_TRY([[maybe_unused]] const int64_t deleted,
            transaction.Execute("DELETE FROM erasures WHERE id = $1", {id}));
  return {};
}

}  // namespace kedge::store
