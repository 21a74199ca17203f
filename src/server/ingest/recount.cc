// SPDX-License-Identifier: Apache-2.0
#include "server/ingest/recount.h"

#include "base/json/json.h"
#include "base/log.h"
#include "store/tables/fleet_counts.h"

namespace kedge::server {
namespace {

constexpr int64_t kStep = 2'000;  // devices read at once

// The models of a heartbeat as versions before the counters kept it: the whole JSON text.
std::vector<store::LoadedModel> ModelsOfHeartbeat(const std::string& text) {
  std::vector<store::LoadedModel> models;
  const auto heartbeat = json::Parse(text.empty() ? "{}" : text);
  if (!heartbeat) return models;
  const json::Value* list = heartbeat->Find("Models");
  if (list == nullptr || list->AsArray() == nullptr) return models;
  for (const json::Value& item : *list->AsArray()) {
    const auto time = [&](std::string_view name) {
      const json::Value* seconds = item.Find(name);
      return seconds == nullptr ? EpochMs{0} : static_cast<EpochMs>(seconds->NumberOr(0) * 1000);
    };
    store::LoadedModel model{.name = item.StringOr("ModelName", ""),
                             .version = item.StringOr("ModelVersion", ""),
                             .latest_sample = time("LatestSampleTime"),
                             .latest_inference = time("LatestInference")};
    if (!model.name.empty()) models.push_back(std::move(model));
  }
  return models;
}

// Revision 0 with a heartbeat: the row came from a former version, with the JSON as its metrics.
Status Modernise(store::Transaction& transaction, store::DeviceState& state) {
  KEDGE_TRY(const store::Rows rows,
            transaction.Query("SELECT metrics FROM device_state WHERE fleet = $1 AND device = $2",
                              {state.key.fleet, state.key.device}));
  state.models = ModelsOfHeartbeat(rows.at(0).Text(0));
  ++state.revision;
  std::vector<store::DeviceModel> models;
  for (const store::LoadedModel& model : state.models) {
    models.push_back({state.key, model.name, model.version});
  }
  KEDGE_TRY_STATUS(store::UpdateStates(transaction, {state}));
  return store::InsertModels(transaction, models);
}

Result<std::vector<store::DeviceKey>> KeysAfter(store::Transaction& transaction,
                                                const std::string& fleet,
                                                const std::string& after) {
  KEDGE_TRY(const store::Rows rows,
            transaction.Query("SELECT device FROM device_state WHERE fleet = $1 AND device > $2 "
                              "ORDER BY device LIMIT $3",
                              {fleet, after, kStep}));
  std::vector<store::DeviceKey> keys;
  for (const store::Row& row : rows) keys.push_back({fleet, row.Text(0)});
  return keys;
}

Result<store::Counts> CountFleet(store::Transaction& transaction, const std::string& fleet,
                                 bool may_write) {
  store::Counts counts;
  for (std::string after;;) {
    KEDGE_TRY(const auto keys, KeysAfter(transaction, fleet, after));
    if (keys.empty()) return counts;
    after = keys.back().device;
    KEDGE_TRY(auto states, store::FindStates(transaction, keys));
    for (auto& state : states) {
      if (!state) continue;
      if (may_write && state->revision == 0 && state->heartbeat_time > 0) {
        KEDGE_TRY_STATUS(Modernise(transaction, *state));
      }
      store::CountDevice(*state, +1, counts);
    }
  }
}

int64_t Differences(const store::Counts& a, const store::Counts& b) {
  int64_t differences = 0;
  for (const auto& [counter, n] : a) {
    const auto other = b.find(counter);
    differences += other == b.end() || other->second != n ? 1 : 0;
  }
  for (const auto& [counter, n] : b) differences += a.contains(counter) ? 0 : 1;
  return differences;
}

Status RepairFleet(store::Transaction& transaction, const std::string& fleet) {
  KEDGE_TRY(const store::Counts counts, CountFleet(transaction, fleet, true));
  return store::ReplaceCounts(transaction, fleet, counts);
}

}  // namespace

Result<std::vector<Drift>> RepairCounts(store::Store& store) {
  std::vector<std::string> fleets;
  KEDGE_TRY_STATUS(store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const store::Rows rows, transaction.Query("SELECT name FROM fleets ORDER BY name"));
    fleets.clear();
    for (const store::Row& row : rows) fleets.push_back(row.Text(0));
    return {};
  }));
  std::vector<Drift> drifts;
  for (const std::string& fleet : fleets) {
    Drift drift{.fleet = fleet};
    KEDGE_TRY_STATUS(store.Read([&](store::Transaction& transaction) -> Status {
      KEDGE_TRY(const store::Counts kept, store::ReadCounts(transaction, fleet));
      KEDGE_TRY(const store::Counts real, CountFleet(transaction, fleet, false));
      drift.counters = Differences(kept, real);
      return {};
    }));
    if (drift.counters == 0) continue;
    LogWarning("counters of a fleet were not those of its devices and are counted again",
               {{"fleet", fleet}, {"counters", std::to_string(drift.counters)}});
    KEDGE_TRY_STATUS(store.Write(
        [&](store::Transaction& transaction) { return RepairFleet(transaction, fleet); }));
    drifts.push_back(std::move(drift));
  }
  return drifts;
}

Status RepairCountsIfMarked(store::Store& store) {
  bool marked = false;
  KEDGE_TRY_STATUS(store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const store::Rows rows,
              transaction.Query("SELECT name FROM ingest_marks WHERE name = 'recount'"));
    marked = !rows.empty();
    return {};
  }));
  if (!marked) return {};
  KEDGE_TRY([[maybe_unused]] const auto drifts, RepairCounts(store));
  return store.Write([](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const int64_t rows,
              transaction.Execute("DELETE FROM ingest_marks WHERE name = 'recount'", {}));
    return {};
  });
}

}  // namespace kedge::server
