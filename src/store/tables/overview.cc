// SPDX-License-Identifier: Apache-2.0
#include "store/tables/overview.h"

#include <algorithm>
#include <map>

#include "store/tables/list_statement.h"

namespace kedge::store {
namespace {

// Runs a statement over the visible fleets only. `select` ends before WHERE; `tail` follows.
Result<Rows> QueryVisible(Transaction& transaction, const OverviewQuery& query, std::string select,
                          std::string_view column, std::string_view tail) {
  std::vector<Value> parameters;
  std::string any;
  for (const std::string& pattern : query.visible_fleets) {
    const bool is_prefix = pattern.ends_with('*');
    const size_t length = pattern.size() - (is_prefix ? 1 : 0);
    parameters.emplace_back(pattern.substr(0, length));
    const std::string parameter = " = $" + std::to_string(parameters.size());
    any += any.empty() ? " WHERE (" : " OR ";
    any += is_prefix ? "substr(" + std::string(column) + ", 1, " + std::to_string(length) + ")"
                     : std::string(column);
    any += parameter;
  }
  select += any.empty() ? " WHERE (1 = 1)" : any + ")";
  select += tail;
  return transaction.Query(select, parameters);
}

Status ReadFleets(Transaction& transaction, const OverviewQuery& query, Overview& overview) {
  std::map<std::string, Overview::Fleet> fleets;
  KEDGE_TRY(const Rows names,
            QueryVisible(transaction, query, "SELECT name FROM fleets", "name", ""));
  for (const Row& row : names) fleets[row.Text(0)].name = row.Text(0);
  const auto add = [&](const Rows& rows, int64_t Overview::Fleet::* member) {
    for (const Row& row : rows) {
      const auto found = fleets.find(row.Text(0));
      if (found != fleets.end()) found->second.*member = row.Integer(1);
    }
  };
  constexpr std::string_view kSelect = "SELECT fleet, CAST(SUM(n) AS bigint) FROM fleet_counts";
  KEDGE_TRY(const Rows registered,
            QueryVisible(transaction, query, std::string(kSelect), "fleet",
                         " AND bucket = 0 AND kind = 'registered' GROUP BY fleet"));
  add(registered, &Overview::Fleet::registered);
  KEDGE_TRY(const Rows connected,
            QueryVisible(transaction, query, std::string(kSelect), "fleet",
                         " AND kind = 'heartbeat' AND bucket >= " +
                             std::to_string(query.minute_connected) + " GROUP BY fleet"));
  add(connected, &Overview::Fleet::connected);
  for (auto& [name, fleet] : fleets) {
    overview.total.registered += fleet.registered;
    overview.total.connected += fleet.connected;
    overview.fleets.push_back(std::move(fleet));
  }
  overview.fleet_count = static_cast<int64_t>(overview.fleets.size());
  std::stable_sort(overview.fleets.begin(), overview.fleets.end(),
                   [](const auto& a, const auto& b) { return a.registered > b.registered; });
  if (overview.fleet_count > kOverviewFleetsMax) overview.fleets.resize(kOverviewFleetsMax);
  return {};
}

Status ReadVersions(Transaction& transaction, const OverviewQuery& query, Overview& overview) {
  std::map<std::pair<std::string, std::string>, FleetReport::Model> models;
  const auto read = [&](const Rows& rows) {
    for (const Row& row : rows) {
      const std::string& kind = row.Text(0);
      const int64_t n = row.Integer(3);
      if (kind == counted::kAgent) overview.total.agents.push_back({row.Text(1), n});
      if (kind == counted::kAgent || row.Text(1).empty()) continue;
      FleetReport::Model& model = models[{row.Text(1), row.Text(2)}];
      if (kind == counted::kModel) model.devices = n;
      if (kind == counted::kConnected) model.connected = n;
      if (kind == counted::kActive) model.active = n;
      if (kind == counted::kSampling) model.sampling = n;
    }
  };
  constexpr std::string_view kSelect =
      "SELECT kind, name, version, CAST(SUM(n) AS bigint) FROM fleet_counts";
  constexpr std::string_view kGroup = " GROUP BY kind, name, version HAVING SUM(n) <> 0";
  KEDGE_TRY(const Rows totals,
            QueryVisible(transaction, query, std::string(kSelect), "fleet",
                         " AND bucket = 0 AND kind IN ('agent', 'model')" + std::string(kGroup)));
  read(totals);
  KEDGE_TRY(const Rows recent,
            QueryVisible(transaction, query, std::string(kSelect), "fleet",
                         " AND kind IN ('connected', 'active', 'sampling') AND bucket >= " +
                             std::to_string(query.minute_connected) + std::string(kGroup)));
  read(recent);
  for (auto& [key, model] : models) {
    model.name = key.first;
    model.version = key.second;
    overview.total.models.push_back(std::move(model));
  }
  std::sort(overview.total.agents.begin(), overview.total.agents.end(),
            [](const auto& a, const auto& b) { return a.version < b.version; });
  return {};
}

Status ReadMinutes(Transaction& transaction, const OverviewQuery& query, Overview& overview) {
  KEDGE_TRY(const Rows rows,
            QueryVisible(transaction, query,
                         "SELECT bucket, CAST(SUM(n) AS bigint) FROM fleet_counts", "fleet",
                         " AND kind = 'heartbeat' AND bucket > " +
                             std::to_string(query.minute_now - kOverviewMinutes) +
                             " GROUP BY bucket HAVING SUM(n) <> 0 ORDER BY bucket"));
  for (const Row& row : rows) overview.minutes.push_back({row.Integer(0), row.Integer(1)});
  KEDGE_TRY(const Rows heard,
            QueryVisible(transaction, query,
                         "SELECT CAST(COALESCE(SUM(n), 0) AS bigint) FROM fleet_counts", "fleet",
                         " AND kind = 'agent' AND bucket = 0"));
  overview.never = overview.total.registered - heard[0].Integer(0);
  return {};
}

Status ReadStages(Transaction& transaction, const OverviewQuery& query, Overview& overview) {
  KEDGE_TRY(
      const Rows rows,
      QueryVisible(transaction, query,
                   "SELECT s.plan, p.fleet, s.name, s.status, s.pending, s.deployed, s.failed FROM "
                   "deployment_stages s JOIN deployment_plans p ON p.name = s.plan",
                   "p.fleet",
                   " AND s.start_number IS NOT NULL AND (s.phase <> 'NONE' OR s.pending > 0 OR "
                   "s.failed > 0) ORDER BY s.start_number DESC LIMIT " +
                       std::to_string(kOverviewStagesMax)));
  for (const Row& row : rows) {
    overview.stages.push_back({.plan = row.Text(0),
                               .fleet = row.Text(1),
                               .name = row.Text(2),
                               .status = row.Text(3),
                               .pending = row.Integer(4),
                               .deployed = row.Integer(5),
                               .failed = row.Integer(6)});
  }
  return {};
}

Status ReadJobs(Transaction& transaction, Overview& overview) {
  constexpr std::pair<const char*, const char*> kTables[] = {{"COMPILATION", "compilation_jobs"},
                                                             {"PACKAGING", "packaging_jobs"}};
  for (const auto& [kind, table] : kTables) {
    KEDGE_TRY(const Rows rows,
              transaction.Query("SELECT status, COUNT(*) FROM " + std::string(table) +
                                " GROUP BY status ORDER BY status"));
    for (const Row& row : rows) overview.jobs.push_back({kind, row.Text(0), row.Integer(1)});
  }
  return {};
}

}  // namespace

Result<Overview> ReadOverview(Transaction& transaction, const OverviewQuery& query) {
  Overview overview;
  KEDGE_TRY_STATUS(ReadFleets(transaction, query, overview));
  KEDGE_TRY_STATUS(ReadVersions(transaction, query, overview));
  KEDGE_TRY_STATUS(ReadMinutes(transaction, query, overview));
  KEDGE_TRY_STATUS(ReadStages(transaction, query, overview));
  KEDGE_TRY_STATUS(ReadJobs(transaction, overview));
  return overview;
}

}  // namespace kedge::store
