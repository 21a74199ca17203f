// SPDX-License-Identifier: Apache-2.0
#include "store/tables/statistics_reports.h"

#include <map>

namespace kedge::store {
namespace {

// Devices of one statement: one prepared text serves all batches.
constexpr size_t kKeysWide = 64;
const std::string kSelectMerged =
    "SELECT device, boot, sequence FROM statistics_merged WHERE fleet = $1 AND device IN " +
    Places(2, kKeysWide);

}  // namespace

Status InsertReports(Transaction& transaction, const std::vector<StatisticsReport>& reports) {
  if (reports.empty()) return {};
  std::vector<std::vector<Value>> rows;
  rows.reserve(reports.size());
  for (const StatisticsReport& report : reports) {
    rows.push_back({report.key.fleet, report.key.device, report.boot, report.sequence,
                    report.received, report.report});
  }
  KEDGE_TRY([[maybe_unused]] const int64_t inserted,
            transaction.ExecuteMany(
                "INSERT INTO statistics_reports (fleet, device, boot, sequence, received_ms, "
                "report) VALUES ($1, $2, $3, $4, $5, $6) "
                "ON CONFLICT (fleet, device, boot, sequence) DO NOTHING",
                rows));
  return {};
}

Result<std::vector<StatisticsReport>> WaitingReports(Transaction& transaction, int64_t rows_max) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT fleet, device, boot, sequence, received_ms, report FROM "
                              "statistics_reports ORDER BY received_ms, sequence LIMIT $1",
                              {rows_max}));
  std::vector<StatisticsReport> reports;
  reports.reserve(rows.size());
  for (const Row& row : rows) {
    reports.push_back({.key = {row.Text(0), row.Text(1)},
                       .boot = row.Text(2),
                       .sequence = row.Integer(3),
                       .received = row.Integer(4),
                       .report = row.Text(5)});
  }
  return reports;
}

Result<int64_t> CountWaitingReports(Transaction& transaction) {
  KEDGE_TRY(const Rows rows, transaction.Query("SELECT COUNT(*) FROM statistics_reports"));
  return rows.at(0).Integer(0);
}

Status DeleteReports(Transaction& transaction, const std::vector<StatisticsReport>& reports) {
  std::vector<std::vector<Value>> rows;
  rows.reserve(reports.size());
  for (const StatisticsReport& report : reports) {
    rows.push_back({report.key.fleet, report.key.device, report.boot, report.sequence});
  }
  KEDGE_TRY([[maybe_unused]] const int64_t deleted,
            transaction.ExecuteMany("DELETE FROM statistics_reports WHERE fleet = $1 AND "
                                    "device = $2 AND boot = $3 AND sequence = $4",
                                    rows));
  return {};
}

Result<std::vector<int64_t>> MergedSequences(Transaction& transaction,
                                             const std::vector<StatisticsReport>& reports) {
  std::map<DeviceKey, std::map<std::string, int64_t>> found;
  for (const StatisticsReport& report : reports) found[report.key];
  std::vector<DeviceKey> keys;
  for (const auto& [key, boots] : found) keys.push_back(key);
  for (size_t begin = 0; begin < keys.size();) {
    std::vector<Value> parameters = {keys[begin].fleet};
    size_t end = begin;
    while (end < keys.size() && end - begin < kKeysWide && keys[end].fleet == keys[begin].fleet) {
      parameters.emplace_back(keys[end++].device);
    }
    parameters.resize(kKeysWide + 1, keys[begin].device);
    KEDGE_TRY(const Rows rows, transaction.Query(kSelectMerged, parameters));
    for (const Row& row : rows) {
      found[{keys[begin].fleet, row.Text(0)}][row.Text(1)] = row.Integer(2);
    }
    begin = end;
  }
  std::vector<int64_t> sequences;
  sequences.reserve(reports.size());
  for (const StatisticsReport& report : reports)
    sequences.push_back(found[report.key][report.boot]);
  return sequences;
}

Status MarkMerged(Transaction& transaction, const std::vector<StatisticsReport>& reports,
                  EpochMs now) {
  std::vector<std::vector<Value>> rows;
  rows.reserve(reports.size());
  for (const StatisticsReport& report : reports) {
    rows.push_back({report.key.fleet, report.key.device, report.boot, report.sequence, now});
  }
  KEDGE_TRY([[maybe_unused]] const int64_t changed,
            transaction.ExecuteMany(
                "INSERT INTO statistics_merged (fleet, device, boot, sequence, merged_ms) "
                "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (fleet, device, boot) DO UPDATE SET "
                "sequence = excluded.sequence, merged_ms = excluded.merged_ms "
                "WHERE statistics_merged.sequence < excluded.sequence",
                rows));
  return {};
}

Result<int64_t> DeleteMerged(Transaction& transaction, EpochMs before, int64_t rows_max) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT MAX(merged_ms) FROM (SELECT merged_ms FROM "
                              "statistics_merged WHERE merged_ms < $1 ORDER BY merged_ms LIMIT $2) "
                              "AS oldest",
                              {before, rows_max}));
  if (rows.at(0).IsNull(0)) return int64_t{0};
  return transaction.Execute("DELETE FROM statistics_merged WHERE merged_ms <= $1",
                             {rows[0].Integer(0)});
}

}  // namespace kedge::store
