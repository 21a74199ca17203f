// SPDX-License-Identifier: Apache-2.0
#include "store/tables/device_state.h"

#include <algorithm>
#include <charconv>

namespace kedge::store {
namespace {

// Keys of one statement: two prepared texts serve all batches, on both engines.
constexpr size_t kKeysWide = 64;
constexpr EpochMs kHourMs = 3'600'000;

constexpr std::string_view kUpsert =
    "INSERT INTO device_state (fleet, device, revision, heartbeat_ms, heartbeat_hour, "
    "agent_version, boot, sequence, models, metrics, statistics) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) "
    "ON CONFLICT (fleet, device) DO UPDATE SET revision = excluded.revision, "
    "heartbeat_ms = excluded.heartbeat_ms, heartbeat_hour = excluded.heartbeat_hour, "
    "agent_version = excluded.agent_version, boot = excluded.boot, sequence = excluded.sequence, "
    "models = excluded.models, metrics = excluded.metrics, statistics = excluded.statistics "
    "WHERE device_state.revision = excluded.revision - 1";

std::string SelectText(size_t keys) {
  std::string sql =
      "SELECT device, revision, heartbeat_ms, agent_version, boot, sequence, models "
      "FROM device_state WHERE fleet = $1 AND device IN (";
  for (size_t i = 0; i < keys; ++i) sql += (i == 0 ? "$" : ", $") + std::to_string(i + 2);
  return sql + ")";
}

DeviceState ReadState(const std::string& fleet, const Row& row) {
  return {.key = {fleet, row.Text(0)},
          .revision = row.Integer(1),
          .heartbeat_time = row.Integer(2),
          .agent_version = row.Text(3),
          .boot = row.Text(4),
          .sequence = row.Integer(5),
          .models = ReadModels(row.Text(6))};
}

EpochMs ReadTime(std::string_view text) {
  EpochMs time = 0;
  std::from_chars(text.data(), text.data() + text.size(), time);
  return time;
}

std::vector<Value> RowOf(const DeviceModel& model) {
  return {model.key.fleet, model.model, model.key.device, model.version};
}

Status ForEach(Transaction& transaction, std::string_view sql,
               const std::vector<DeviceModel>& models) {
  if (models.empty()) return {};
  std::vector<std::vector<Value>> rows;
  rows.reserve(models.size());
  for (const DeviceModel& model : models) rows.push_back(RowOf(model));
  KEDGE_TRY([[maybe_unused]] const int64_t changed, transaction.ExecuteMany(sql, rows));
  return {};
}

}  // namespace

std::string WriteModels(const std::vector<LoadedModel>& models) {
  std::string text;
  for (const LoadedModel& model : models) {
    text += model.name;
    text += '\t';
    text += model.version;
    text += '\t';
    text += std::to_string(model.latest_sample);
    text += '\t';
    text += std::to_string(model.latest_inference);
    text += '\n';
  }
  return text;
}

std::vector<LoadedModel> ReadModels(std::string_view text) {
  std::vector<LoadedModel> models;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const size_t first = line.find('\t');
    const size_t second = first == line.npos ? line.npos : line.find('\t', first + 1);
    const size_t third = second == line.npos ? line.npos : line.find('\t', second + 1);
    if (third == line.npos) continue;
    models.push_back({.name = std::string(line.substr(0, first)),
                      .version = std::string(line.substr(first + 1, second - first - 1)),
                      .latest_sample = ReadTime(line.substr(second + 1, third - second - 1)),
                      .latest_inference = ReadTime(line.substr(third + 1))});
  }
  return models;
}

Result<std::vector<std::optional<DeviceState>>> FindStates(Transaction& transaction,
                                                           const std::vector<DeviceKey>& keys) {
  static const std::string kWide = SelectText(kKeysWide);
  static const std::string kOne = SelectText(1);
  std::vector<std::optional<DeviceState>> states(keys.size());
  for (size_t begin = 0; begin < keys.size();) {
    size_t end = begin + 1;
    while (end < keys.size() && end - begin < kKeysWide && keys[end].fleet == keys[begin].fleet) {
      ++end;
    }
    std::vector<Value> parameters = {keys[begin].fleet};
    for (size_t i = begin; i < end; ++i) parameters.push_back(keys[i].device);
    const bool one = end - begin == 1;
    if (!one) parameters.resize(kKeysWide + 1, keys[begin].device);
    KEDGE_TRY(const Rows rows, transaction.Query(one ? kOne : kWide, parameters));
    for (const Row& row : rows) {
      const auto place = std::lower_bound(
          keys.begin() + static_cast<std::ptrdiff_t>(begin),
          keys.begin() + static_cast<std::ptrdiff_t>(end), row.Text(0),
          [](const DeviceKey& key, const std::string& device) { return key.device < device; });
      states[static_cast<size_t>(place - keys.begin())] = ReadState(keys[begin].fleet, row);
    }
    begin = end;
  }
  return states;
}

Result<std::vector<DeviceState>> ListStates(Transaction& transaction, const std::string& fleet,
                                            const std::string& after, int64_t rows_max) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT device, revision, heartbeat_ms, agent_version, boot, "
                              "sequence, models FROM device_state WHERE fleet = $1 AND device > $2 "
                              "ORDER BY device LIMIT $3",
                              {fleet, after, rows_max}));
  std::vector<DeviceState> states;
  for (const Row& row : rows) states.push_back(ReadState(fleet, row));
  return states;
}

Status UpdateStates(Transaction& transaction, const std::vector<DeviceState>& states) {
  if (states.empty()) return {};
  std::vector<std::vector<Value>> rows;
  rows.reserve(states.size());
  for (const DeviceState& state : states) {
    rows.push_back({state.key.fleet, state.key.device, state.revision, state.heartbeat_time,
                    state.heartbeat_time / kHourMs, state.agent_version, state.boot, state.sequence,
                    WriteModels(state.models), state.metrics, state.statistics});
  }
  KEDGE_TRY(const int64_t changed, transaction.ExecuteMany(kUpsert, rows));
  if (changed != static_cast<int64_t>(states.size())) {
    return Aborted("another node stored a heartbeat of the same device at the same time");
  }
  return {};
}

Status InsertStates(Transaction& transaction, const std::vector<DeviceKey>& keys) {
  std::vector<std::vector<Value>> rows;
  for (const DeviceKey& key : keys) rows.push_back({key.fleet, key.device});
  KEDGE_TRY([[maybe_unused]] const int64_t inserted,
            transaction.ExecuteMany("INSERT INTO device_state (fleet, device, revision, "
                                    "heartbeat_ms, heartbeat_hour, agent_version, boot, sequence, "
                                    "models, metrics, statistics) "
                                    "VALUES ($1, $2, 0, 0, 0, '', '', 0, '', '', '')",
                                    rows));
  return {};
}

Status InsertModels(Transaction& transaction, const std::vector<DeviceModel>& models) {
  return ForEach(transaction,
                 "INSERT INTO device_models (fleet, model, device, version) "
                 "VALUES ($1, $2, $3, $4) ON CONFLICT (fleet, model, device, version) DO NOTHING",
                 models);
}

Status DeleteModels(Transaction& transaction, const std::vector<DeviceModel>& models) {
  return ForEach(transaction,
                 "DELETE FROM device_models WHERE fleet = $1 AND model = $2 AND device = $3 AND "
                 "version = $4",
                 models);
}

}  // namespace kedge::store
