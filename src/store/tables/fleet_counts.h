// Counters over the devices of a fleet, kept by differences in the commit that changes a device, so
// that a report over a million devices reads a few rows.
//
// A counter is (fleet, kind, name, version, bucket). Kinds with a bucket count devices by the
// minute of something that happened last: "connected within 15 minutes" is then the sum over 15
// buckets, whatever the time of asking, and no timer has to move a device from one count to
// another. A device stands in exactly one bucket of each such kind. Several rows hold one counter
// (shards): nodes that write at the same time write different rows; the sum is the count, a single
// row may be negative.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <tuple>

#include "store/tables/device_state.h"

namespace kedge::store {

constexpr EpochMs kMinuteMs = 60'000;

namespace counted {
constexpr std::string_view kRegistered = "registered";  // devices; no name, bucket 0
constexpr std::string_view kAgent = "agent";            // name: the agent's version; bucket 0
constexpr std::string_view kModel = "model";            // name and version of the model; bucket 0
constexpr std::string_view kHeartbeat = "heartbeat";    // bucket: minute of the last heartbeat
constexpr std::string_view kConnected = "connected";    // of a model; the same bucket
constexpr std::string_view kActive = "active";          // of a model; minute of the last inference
constexpr std::string_view kSampling = "sampling";      // of a model; minute of the last sample
}  // namespace counted

struct Counter {
  std::string fleet;
  int64_t bucket = 0;
  std::string kind;
  std::string name;
  std::string version;
  friend auto operator<=>(const Counter&, const Counter&) = default;
};
using Counts = std::map<Counter, int64_t>;

// Adds `sign` for everything that the device counts in, registration included.
void CountDevice(const DeviceState& state, int64_t sign, Counts& counts);

// Adds the differences to this shard; zeros are left out.
Status AddCounts(Transaction& transaction, const Counts& differences, int64_t shard);

// All counters of a fleet: the sums over the shards that are not zero.
Result<Counts> ReadCounts(Transaction& transaction, const std::string& fleet);

struct FleetReport {
  struct Agent {
    std::string version;
    int64_t devices = 0;
  };
  struct Model {
    std::string name;
    std::string version;
    int64_t devices = 0;  // whose last heartbeat named it
    int64_t connected = 0;
    int64_t active = 0;
    int64_t sampling = 0;
  };
  int64_t registered = 0;
  int64_t connected = 0;
  std::vector<Agent> agents;  // sorted
  std::vector<Model> models;  // sorted
};
// What happened in minute `minute_min` or later counts as now.
Result<FleetReport> ReadFleetReport(Transaction& transaction, const std::string& fleet,
                                    int64_t minute_min);

// Puts these counts in the place of all rows of the fleet.
Status ReplaceCounts(Transaction& transaction, const std::string& fleet, const Counts& counts);

// Deletes counters below `bucket_before` whose sum is zero: no device is in them, and time does not
// come back to them. The rows deleted, at most about `rows_max`.
Result<int64_t> DeleteEmptyCounts(Transaction& transaction, int64_t bucket_before,
                                  int64_t rows_max);

}  // namespace kedge::store
