// One batch of heartbeats as rows of the store.
//
// Of the heartbeats of one device only the newest is stored, and all of them are acknowledged with
// it; what became of deployments is never left out: every result of the batch is recorded, in the
// order of arrival. Nor is a report of counts, whose own number makes it count once
// (store/tables/statistics_reports.h). A heartbeat whose (boot, sequence) is not newer than the
// stored one was stored before; it is acknowledged and changes nothing. SPDX-License-Identifier:
// Apache-2.0
#pragma once

#include <set>

#include "protocol/edge_api.h"
#include "store/tables/device_state.h"
#include "store/tables/metric_points.h"
#include "store/tables/statistics_reports.h"

namespace kedge::server {

// At most so many series (fleet, model, metric) are added up by a node in an hour, whatever names
// devices make up; further ones are kept with their device only.
constexpr size_t kSeriesOfHourMax = 4'096;

struct MetricValue {
  std::string model;  // empty: of the agent
  std::string metric;
  double value = 0;
};

struct HeartbeatRecord {
  store::DeviceState state;  // what the device's row becomes, but for its revision
  std::optional<protocol::DeploymentResult> result;
  std::vector<MetricValue> metrics;
  std::optional<store::StatisticsReport> report;
  bool report_refused = false;  // there was one that is none
};

// Which series are added up: the first kSeriesOfHourMax of each hour. One thread.
class SeriesLimit {
 public:
  // Leaves the others out of the record.
  void Apply(HeartbeatRecord& record);

 private:
  int64_t hour_ = 0;
  std::set<store::MetricSeries> known_;
};

// A heartbeat that arrived at `now`. Models without a name are left out; so are statistics that are
// no report, since a device would send them again and again.
HeartbeatRecord MakeRecord(protocol::Heartbeat heartbeat, EpochMs now);

// What became of each record of a batch, at its place.
enum class Outcome : uint8_t { kStored, kUnknownDevice };

// Writes the batch. `outcomes` is filled anew. Errors: the store's; kAborted as UpdateStates.
// `shard`: of the counters, see store/tables/fleet_counts.h.
Status ApplyBatch(store::Transaction& transaction, const std::vector<HeartbeatRecord>& records,
                  int64_t shard, std::vector<Outcome>& outcomes);

}  // namespace kedge::server
