// What a device reported last: the narrow row that each heartbeat rewrites, and the rows that say
// which devices have a model. Counters over them are in store/tables/fleet_counts.h.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <vector>

#include "store/store.h"

namespace kedge::store {

struct DeviceKey {
  std::string fleet;
  std::string device;
  friend auto operator<=>(const DeviceKey&, const DeviceKey&) = default;
};

// A model that a device has loaded.
struct LoadedModel {
  std::string name;
  std::string version;
  EpochMs latest_sample = 0;     // 0: none
  EpochMs latest_inference = 0;  // 0: none
  friend bool operator==(const LoadedModel&, const LoadedModel&) = default;
};

struct DeviceState {
  DeviceKey key;
  int64_t revision = 0;        // grows by one with each heartbeat that is stored
  EpochMs heartbeat_time = 0;  // by the server's clock; 0: before the first
  std::string agent_version;
  // The agent's start and the number of its heartbeat since then; empty and 0 if it does not say.
  std::string boot;
  int64_t sequence = 0;
  std::vector<LoadedModel> models;
  std::string metrics;     // JSON of the metrics of agent and models; empty: none
  std::string statistics;  // as the device sent them; empty: none
};

// One line a model: name, version, time of the latest sample and of the latest inference, with tabs
// between. Names and versions hold neither (the protocol's patterns see to it).
std::string WriteModels(const std::vector<LoadedModel>& models);
// Lines that are not of that form are left out.
std::vector<LoadedModel> ReadModels(std::string_view text);

// The rows of these devices without metrics and statistics, each at the place of its key; nothing
// for a device that is not registered. `keys` are sorted and each stands there once.
Result<std::vector<std::optional<DeviceState>>> FindStates(Transaction& transaction,
                                                           const std::vector<DeviceKey>& keys);

// Devices of a fleet after that name, in their order, without metrics and statistics.
Result<std::vector<DeviceState>> ListStates(Transaction& transaction, const std::string& fleet,
                                            const std::string& after, int64_t rows_max);

// Writes the rows over those with `revision - 1`. kAborted if another writer was faster with one of
// them: nothing of the transaction may be kept then.
Status UpdateStates(Transaction& transaction, const std::vector<DeviceState>& states);

// Empty rows for devices that were just registered.
Status InsertStates(Transaction& transaction, const std::vector<DeviceKey>& keys);

struct DeviceModel {
  DeviceKey key;
  std::string model;
  std::string version;
  friend auto operator<=>(const DeviceModel&, const DeviceModel&) = default;
};
// A row that is there already stays; one that is not there is no error.
Status InsertModels(Transaction& transaction, const std::vector<DeviceModel>& models);
Status DeleteModels(Transaction& transaction, const std::vector<DeviceModel>& models);

}  // namespace kedge::store
