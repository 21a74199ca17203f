// SPDX-License-Identifier: Apache-2.0
#include "store/tables/drift_devices.h"

namespace kedge::store {
namespace {

// Devices of one statement.
constexpr size_t kKeysWide = 64;

constexpr std::string_view kSelect =
    "SELECT subject, fleet, device, boot, began_ms, reported_ms, epoch, steps, samples, evidence, "
    "named, capture_until_ms FROM drift_devices";

DriftDevice ReadDevice(const Row& row) {
  return {.subject = row.Text(0),
          .key = {row.Text(1), row.Text(2)},
          .boot = row.Text(3),
          .began = row.Integer(4),
          .reported = row.Integer(5),
          .epoch = row.Integer(6),
          .steps = row.Integer(7),
          .samples = row.Integer(8),
          .evidence = row.Text(9),
          .named = row.Text(10),
          .capture_until = row.Integer(11)};
}

std::vector<DriftDevice> ReadDevices(const Rows& rows) {
  std::vector<DriftDevice> devices;
  devices.reserve(rows.size());
  for (const Row& row : rows) devices.push_back(ReadDevice(row));
  return devices;
}

int64_t OrderOf(const DriftDevice& device) { return device.named.empty() ? 1 : 0; }

}  // namespace

Result<std::vector<DriftDevice>> FindDriftDevices(Transaction& transaction,
                                                  const std::string& subject,
                                                  const std::vector<std::string>& devices) {
  static const std::string kWide =
      std::string(kSelect) + " WHERE subject = $1 AND device IN " + Places(2, kKeysWide);
  std::vector<DriftDevice> found;
  for (size_t begin = 0; begin < devices.size(); begin += kKeysWide) {
    std::vector<Value> parameters = {subject};
    for (size_t i = begin; i < devices.size() && i - begin < kKeysWide; ++i) {
      parameters.emplace_back(devices[i]);
    }
    parameters.resize(kKeysWide + 1, devices[begin]);
    KEDGE_TRY(const Rows rows, transaction.Query(kWide, parameters));
    for (const Row& row : rows) found.push_back(ReadDevice(row));
  }
  return found;
}

Status PutDriftDevices(Transaction& transaction, const std::vector<DriftDevice>& devices) {
  if (devices.empty()) return {};
  std::vector<std::vector<Value>> rows;
  rows.reserve(devices.size());
  for (const DriftDevice& device : devices) {
    rows.push_back({device.subject, device.key.fleet, device.key.device, device.boot, device.began,
                    device.reported, device.epoch, device.steps, device.samples, device.evidence});
  }
  KEDGE_TRY(
      [[maybe_unused]] const int64_t changed,
      transaction.ExecuteMany(
          "INSERT INTO drift_devices (subject, fleet, device, boot, began_ms, reported_ms, epoch, "
          "steps, samples, evidence, named, named_order, capture_until_ms) VALUES ($1, $2, $3, $4, "
          "$5, $6, $7, $8, $9, $10, '', 1, 0) ON CONFLICT (subject, device) DO UPDATE SET "
          "boot = excluded.boot, began_ms = excluded.began_ms, reported_ms = excluded.reported_ms, "
          "epoch = excluded.epoch, steps = excluded.steps, samples = excluded.samples, "
          "evidence = excluded.evidence",
          rows));
  return {};
}

Result<std::vector<DriftDevice>> DriftDevicesSince(Transaction& transaction,
                                                   const std::string& subject, EpochMs since,
                                                   const std::string& after, int64_t rows_max) {
  KEDGE_TRY(const Rows rows,
            transaction.Query(std::string(kSelect) +
                                  " WHERE subject = $1 AND device > $2 AND reported_ms >= $3 "
                                  "ORDER BY device LIMIT $4",
                              {subject, after, since, rows_max}));
  return ReadDevices(rows);
}

Result<PageOf<DriftDevice>> ListDriftDevices(Transaction& transaction,
                                             const DriftDeviceFilter& filter, const Page& page) {
  ListStatement statement(kSelect);
  statement.Where("subject =", std::optional<std::string>(filter.subject));
  if (filter.named_only) statement.Where("named_order =", std::optional<int64_t>(0));
  KEDGE_TRY(const Rows rows, statement.Run(transaction, "named_order", "device", page));
  return MakePage<DriftDevice>(rows, page, ReadDevice, [](const DriftDevice& device) {
    return Cursor{OrderOf(device), device.key.device};
  });
}

Result<DriftDeviceCount> CountDriftDevices(Transaction& transaction, const std::string& subject,
                                           EpochMs since) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT COUNT(*), CAST(COALESCE(SUM(1 - named_order), 0) AS bigint) "
                              "FROM drift_devices WHERE subject = $1 AND reported_ms >= $2",
                              {subject, since}));
  return DriftDeviceCount{.reporting = rows.at(0).Integer(0), .named = rows[0].Integer(1)};
}

Result<std::vector<DriftDevice>> NamedDevices(Transaction& transaction, const std::string& subject,
                                              int64_t rows_max) {
  KEDGE_TRY(const Rows rows,
            transaction.Query(std::string(kSelect) + " WHERE subject = $1 AND named_order = 0 "
                                                     "ORDER BY device LIMIT $2",
                              {subject, rows_max}));
  return ReadDevices(rows);
}

Status NameDevices(Transaction& transaction, const std::vector<DriftDevice>& devices) {
  if (devices.empty()) return {};
  std::vector<std::vector<Value>> rows;
  rows.reserve(devices.size());
  for (const DriftDevice& device : devices) {
    rows.push_back(
        {device.named, OrderOf(device), device.capture_until, device.subject, device.key.device});
  }
  KEDGE_TRY([[maybe_unused]] const int64_t changed,
            transaction.ExecuteMany("UPDATE drift_devices SET named = $1, named_order = $2, "
                                    "capture_until_ms = $3 WHERE subject = $4 AND device = $5",
                                    rows));
  return {};
}

Result<std::vector<DriftCapture>> ActiveCaptures(Transaction& transaction, EpochMs now,
                                                 int64_t rows_max) {
  KEDGE_TRY(const Rows rows,
            transaction.Query(
                "SELECT d.fleet, d.device, s.model, s.version, s.baseline, d.named, d.subject, "
                "d.capture_until_ms FROM drift_devices d JOIN drift_subjects s ON "
                "s.id = d.subject WHERE d.capture_until_ms > $1 "
                "ORDER BY d.capture_until_ms LIMIT $2",
                {now, rows_max}));
  std::vector<DriftCapture> captures;
  for (const Row& row : rows) {
    captures.push_back({.key = {row.Text(0), row.Text(1)},
                        .model = row.Text(2),
                        .version = row.Text(3),
                        .baseline = row.Text(4),
                        .named = row.Text(5),
                        .subject = row.Text(6),
                        .until = row.Integer(7)});
  }
  return captures;
}

Result<int64_t> DeleteDriftDevices(Transaction& transaction, EpochMs reported_before,
                                   int64_t rows_max) {
  return transaction.Execute(
      "DELETE FROM drift_devices WHERE (subject, device) IN (SELECT subject, device FROM "
      "drift_devices WHERE reported_ms < $1 ORDER BY subject, device LIMIT $2)",
      {reported_before, rows_max});
}

}  // namespace kedge::store
