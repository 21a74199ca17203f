// SPDX-License-Identifier: Apache-2.0
#include "store/tables/fleet_counts.h"

#include <algorithm>
#include <limits>

namespace kedge::store {
namespace {

constexpr std::string_view kAdd =
    "INSERT INTO fleet_counts (fleet, bucket, kind, name, version, shard, n) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (fleet, bucket, kind, name, version, shard) "
    "DO UPDATE SET n = fleet_counts.n + excluded.n";

}  // namespace

void CountDevice(const DeviceState& state, int64_t sign, Counts& counts) {
  const std::string& fleet = state.key.fleet;
  const auto add = [&](int64_t bucket, std::string_view kind, const std::string& name,
                       const std::string& version) {
    counts[{fleet, bucket, std::string(kind), name, version}] += sign;
  };
  add(0, counted::kRegistered, "", "");
  if (state.heartbeat_time == 0) return;
  const int64_t minute = state.heartbeat_time / kMinuteMs;
  add(minute, counted::kHeartbeat, "", "");
  add(0, counted::kAgent, state.agent_version, "");
  for (const LoadedModel& model : state.models) {
    // A device's clock may be ahead: what it has done is not later than when it said so.
    const auto minute_of = [&](EpochMs time) { return std::min(time / kMinuteMs, minute); };
    add(0, counted::kModel, model.name, model.version);
    add(minute, counted::kConnected, model.name, model.version);
    if (model.latest_inference > 0) {
      add(minute_of(model.latest_inference), counted::kActive, model.name, model.version);
    }
    if (model.latest_sample > 0) {
      add(minute_of(model.latest_sample), counted::kSampling, model.name, model.version);
    }
  }
}

Status AddCounts(Transaction& transaction, const Counts& differences, int64_t shard) {
  std::vector<std::vector<Value>> rows;
  for (const auto& [counter, n] : differences) {  // sorted: nodes take row locks in one order
    if (n == 0) continue;
    rows.push_back(
        {counter.fleet, counter.bucket, counter.kind, counter.name, counter.version, shard, n});
  }
  if (rows.empty()) return {};
  KEDGE_TRY([[maybe_unused]] const int64_t changed, transaction.ExecuteMany(kAdd, rows));
  return {};
}

Result<Counts> ReadCounts(Transaction& transaction, const std::string& fleet) {
  // CAST: PostgreSQL's sum of bigint is numeric.
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT bucket, kind, name, version, CAST(SUM(n) AS bigint) FROM "
                              "fleet_counts WHERE fleet = $1 GROUP BY bucket, kind, name, version "
                              "HAVING SUM(n) <> 0",
                              {fleet}));
  Counts counts;
  for (const Row& row : rows) {
    counts[{.fleet = fleet,
            .bucket = row.Integer(0),
            .kind = row.Text(1),
            .name = row.Text(2),
            .version = row.Text(3)}] = row.Integer(4);
  }
  return counts;
}

Result<FleetReport> ReadFleetReport(Transaction& transaction, const std::string& fleet,
                                    int64_t minute_min) {
  constexpr std::string_view kSums =
      "SELECT kind, name, version, CAST(SUM(n) AS bigint) FROM fleet_counts "
      "WHERE fleet = $1 AND bucket >= $2 AND bucket <= $3 GROUP BY kind, name, version "
      "HAVING SUM(n) <> 0";
  FleetReport report;
  std::map<std::pair<std::string, std::string>, FleetReport::Model> models;
  const auto read = [&](const Rows& rows) {
    for (const Row& row : rows) {
      const std::string& kind = row.Text(0);
      const int64_t n = row.Integer(3);
      if (kind == counted::kRegistered) report.registered = n;
      if (kind == counted::kHeartbeat) report.connected = n;
      if (kind == counted::kAgent) report.agents.push_back({row.Text(1), n});
      if (row.Text(1).empty() || kind == counted::kAgent) continue;
      FleetReport::Model& model = models[{row.Text(1), row.Text(2)}];
      if (kind == counted::kModel) model.devices = n;
      if (kind == counted::kConnected) model.connected = n;
      if (kind == counted::kActive) model.active = n;
      if (kind == counted::kSampling) model.sampling = n;
    }
  };
  KEDGE_TRY(const Rows totals, transaction.Query(kSums, {fleet, int64_t{0}, int64_t{0}}));
  read(totals);
  KEDGE_TRY(const Rows recent, transaction.Query(kSums, {fleet, std::max<int64_t>(minute_min, 1),
                                                         std::numeric_limits<int64_t>::max()}));
  read(recent);
  std::sort(report.agents.begin(), report.agents.end(),
            [](const auto& a, const auto& b) { return a.version < b.version; });
  for (auto& [key, model] : models) {
    model.name = key.first;
    model.version = key.second;
    report.models.push_back(std::move(model));
  }
  return report;
}

Status ReplaceCounts(Transaction& transaction, const std::string& fleet, const Counts& counts) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute("DELETE FROM fleet_counts WHERE fleet = $1", {fleet}));
  return AddCounts(transaction, counts, 0);
}

Result<int64_t> DeleteEmptyCounts(Transaction& transaction, int64_t bucket_before,
                                  int64_t rows_max) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT fleet, bucket, kind, name, version FROM fleet_counts "
                              "WHERE bucket > 0 AND bucket < $1 "
                              "GROUP BY fleet, bucket, kind, name, version HAVING SUM(n) = 0 "
                              "LIMIT $2",
                              {bucket_before, rows_max}));
  int64_t deleted = 0;
  for (const Row& row : rows) {
    KEDGE_TRY(
        const int64_t count,
        transaction.Execute("DELETE FROM fleet_counts WHERE fleet = $1 AND bucket = $2 AND "
                            "kind = $3 AND name = $4 AND version = $5",
                            {row.Text(0), row.Integer(1), row.Text(2), row.Text(3), row.Text(4)}));
    deleted += count;
  }
  return deleted;
}

}  // namespace kedge::store
