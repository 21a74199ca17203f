// SPDX-License-Identifier: Apache-2.0
#include "server/ingest/heartbeat_batch.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "server/api/rollout.h"
#include "server/drift/merge.h"
#include "store/tables/fleet_counts.h"

namespace kedge::server {
namespace {

using store::DeviceKey;
using store::DeviceState;
using store::LoadedModel;

bool SameModel(const LoadedModel& a, const LoadedModel& b) {
  return a.name == b.name && a.version == b.version;
}

// Sorted by name and version, each once with its latest times.
std::vector<LoadedModel> Unique(std::vector<LoadedModel> models) {
  std::sort(models.begin(), models.end(), [](const LoadedModel& a, const LoadedModel& b) {
    return std::tie(a.name, a.version) < std::tie(b.name, b.version);
  });
  std::vector<LoadedModel> unique;
  for (LoadedModel& model : models) {
    if (unique.empty() || !SameModel(unique.back(), model)) {
      unique.push_back(std::move(model));
      continue;
    }
    LoadedModel& kept = unique.back();
    kept.latest_sample = std::max(kept.latest_sample, model.latest_sample);
    kept.latest_inference = std::max(kept.latest_inference, model.latest_inference);
  }
  return unique;
}

// Whether the first is of an earlier moment of the same start of the agent, or the same heartbeat.
bool NotNewer(const DeviceState& state, const DeviceState& than) {
  return !state.boot.empty() && state.boot == than.boot && state.sequence <= than.sequence;
}

// The place of each device's newest record, by device.
std::map<DeviceKey, size_t> NewestOf(const std::vector<HeartbeatRecord>& records) {
  std::map<DeviceKey, size_t> newest;
  for (size_t i = 0; i < records.size(); ++i) {
    const auto [found, added] = newest.try_emplace(records[i].state.key, i);
    if (!added && !NotNewer(records[i].state, records[found->second].state)) found->second = i;
  }
  return newest;
}

// What a batch writes.
struct Changes {
  std::vector<DeviceState> states;
  std::vector<store::DeviceModel> models_added;
  std::vector<store::DeviceModel> models_removed;
  store::Counts counts;
  store::MetricSums metrics;
};

void AddModelsOf(const DeviceState& state, const DeviceState& but_not,
                 std::vector<store::DeviceModel>& models) {
  for (const LoadedModel& model : state.models) {
    const bool there =
        std::any_of(but_not.models.begin(), but_not.models.end(),
                    [&](const LoadedModel& other) { return SameModel(model, other); });
    if (!there) models.push_back({state.key, model.name, model.version});
  }
}

void AddMetricsOf(const HeartbeatRecord& record, Changes& changes) {
  const EpochMs minute = record.state.heartbeat_time / store::kMinuteMs * store::kMinuteMs;
  for (const MetricValue& value : record.metrics) {
    if (value.metric.empty() || !std::isfinite(value.value)) continue;
    const store::MetricSeries series{record.state.key.fleet, value.model, value.metric};
    changes.metrics[{series, minute}].Add(value.value);
  }
}

void AddChange(const DeviceState& before, DeviceState after, Changes& changes) {
  after.revision = before.revision + 1;
  store::CountDevice(before, -1, changes.counts);
  store::CountDevice(after, +1, changes.counts);
  AddModelsOf(after, before, changes.models_added);
  AddModelsOf(before, after, changes.models_removed);
  changes.states.push_back(std::move(after));
}

Status WriteChanges(store::Transaction& transaction, Changes& changes, int64_t shard) {
  std::sort(changes.models_added.begin(), changes.models_added.end());
  std::sort(changes.models_removed.begin(), changes.models_removed.end());
  KEDGE_TRY_STATUS(store::UpdateStates(transaction, changes.states));
  KEDGE_TRY_STATUS(store::DeleteModels(transaction, changes.models_removed));
  KEDGE_TRY_STATUS(store::InsertModels(transaction, changes.models_added));
  KEDGE_TRY_STATUS(store::AddCounts(transaction, changes.counts, shard));
  return store::AddMetrics(transaction, changes.metrics, shard);
}

json::Array MetricsOf(const std::vector<protocol::EdgeMetric>& metrics) {
  json::Array array;
  for (const protocol::EdgeMetric& metric : metrics) {
    json::Object object{{"MetricName", metric.metric_name}, {"Value", metric.value}};
    if (!metric.dimension.empty()) object.Set("Dimension", metric.dimension);
    array.push_back(std::move(object));
  }
  return array;
}

std::vector<MetricValue> ValuesOf(const protocol::Heartbeat& heartbeat) {
  std::vector<MetricValue> values;
  for (const protocol::EdgeMetric& metric : heartbeat.agent_metrics) {
    values.push_back({"", metric.metric_name, metric.value});
  }
  for (const protocol::ModelReport& model : heartbeat.models) {
    if (model.model_name.empty()) continue;
    for (const protocol::EdgeMetric& metric : model.metrics) {
      values.push_back({model.model_name, metric.metric_name, metric.value});
    }
  }
  return values;
}

// {"AgentMetrics": [...], "Models": [{"ModelName", "ModelVersion", "ModelMetrics"}]}, or nothing.
std::string MetricsText(const protocol::Heartbeat& heartbeat) {
  json::Object object;
  if (!heartbeat.agent_metrics.empty()) {
    object.Set("AgentMetrics", MetricsOf(heartbeat.agent_metrics));
  }
  json::Array models;
  for (const protocol::ModelReport& model : heartbeat.models) {
    if (model.metrics.empty()) continue;
    models.push_back(json::Object{{"ModelName", model.model_name},
                                  {"ModelVersion", model.model_version},
                                  {"ModelMetrics", MetricsOf(model.metrics)}});
  }
  if (!models.empty()) object.Set("Models", std::move(models));
  return object.empty() ? std::string() : json::Write(json::Value(std::move(object)));
}

}  // namespace

void SeriesLimit::Apply(HeartbeatRecord& record) {
  constexpr EpochMs kHourMs = 3'600'000;
  if (const int64_t hour = record.state.heartbeat_time / kHourMs; hour != hour_) {
    hour_ = hour;
    known_.clear();
  }
  std::erase_if(record.metrics, [&](const MetricValue& value) {
    store::MetricSeries series{record.state.key.fleet, value.model, value.metric};
    if (known_.contains(series)) return false;
    if (known_.size() >= kSeriesOfHourMax) return true;
    known_.insert(std::move(series));
    return false;
  });
}

HeartbeatRecord MakeRecord(protocol::Heartbeat heartbeat, EpochMs now) {
  HeartbeatRecord record;
  DeviceState& state = record.state;
  state.metrics = MetricsText(heartbeat);
  record.metrics = ValuesOf(heartbeat);
  state.key = {std::move(heartbeat.device.device_fleet_name),
               std::move(heartbeat.device.device_name)};
  state.heartbeat_time = now;
  state.agent_version = std::move(heartbeat.agent_version);
  state.boot = std::move(heartbeat.boot);
  state.sequence = heartbeat.sequence;
  if (!heartbeat.statistics.empty()) {
    auto report = MakeReportRow(state.key, std::move(heartbeat.statistics), now);
    record.report_refused = !report;
    if (report) record.report = *std::move(report);
  }
  std::vector<LoadedModel> models;
  for (protocol::ModelReport& model : heartbeat.models) {
    if (model.model_name.empty()) continue;
    models.push_back({.name = std::move(model.model_name),
                      .version = std::move(model.model_version),
                      .latest_sample = model.latest_sample_time.value_or(0),
                      .latest_inference = model.latest_inference.value_or(0)});
  }
  state.models = Unique(std::move(models));
  record.result = std::move(heartbeat.deployment_result);
  return record;
}

Status ApplyBatch(store::Transaction& transaction, const std::vector<HeartbeatRecord>& records,
                  int64_t shard, std::vector<Outcome>& outcomes) {
  outcomes.assign(records.size(), Outcome::kStored);
  const std::map<DeviceKey, size_t> newest = NewestOf(records);
  std::vector<DeviceKey> keys;
  keys.reserve(newest.size());
  for (const auto& [key, place] : newest) keys.push_back(key);
  KEDGE_TRY(const auto before, store::FindStates(transaction, keys));

  Changes changes;
  changes.states.reserve(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    const HeartbeatRecord& record = records[newest.at(keys[i])];
    if (!before[i] || NotNewer(record.state, *before[i])) continue;
    AddChange(*before[i], record.state, changes);
    AddMetricsOf(record, changes);
  }
  KEDGE_TRY_STATUS(WriteChanges(transaction, changes, shard));

  std::vector<store::StatisticsReport> reports;
  for (size_t i = 0; i < records.size(); ++i) {
    const HeartbeatRecord& record = records[i];
    const auto place = std::lower_bound(keys.begin(), keys.end(), record.state.key);
    if (!before[static_cast<size_t>(place - keys.begin())]) {
      outcomes[i] = Outcome::kUnknownDevice;
      continue;
    }
    if (record.report) reports.push_back(*record.report);
    if (record.result) {
      KEDGE_TRY_STATUS(RecordResult(
          transaction,
          {.device_name = record.state.key.device, .device_fleet_name = record.state.key.fleet},
          *record.result));
    }
  }
  return store::InsertReports(transaction, reports);
}

}  // namespace kedge::server
