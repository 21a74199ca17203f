// Metrics of fleets over time: what the devices' heartbeats report, added up by minute, hour and
// day in the commit that stores the heartbeat. So there is no job that could roll up twice or late,
// and a coarse curve is read from a few rows. Rows of one point may be several (shards, as in
// fleet_counts.h); they are added when read.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <map>

#include "store/store.h"

namespace kedge::store {

struct MetricSeries {
  std::string fleet;
  std::string model;  // empty: of the agents
  std::string metric;
  friend auto operator<=>(const MetricSeries&, const MetricSeries&) = default;
};

struct MetricSum {
  int64_t n = 0;
  double total = 0;
  double least = 0;
  double greatest = 0;
  void Add(double value);
};
struct MetricPoint {
  EpochMs time = 0;  // where its step begins
  MetricSum sum;
};

struct MetricStep {
  int64_t ms;
  int64_t kept_ms;  // by default
};
constexpr int64_t kDayMs = 86'400'000;
constexpr std::array<MetricStep, 3> kMetricSteps = {{
    {60'000, 2 * kDayMs},
    {3'600'000, 90 * kDayMs},
    {kDayMs, 3 * 365 * kDayMs},
}};

// By series and minute, as gathered from one batch.
using MetricSums = std::map<std::pair<MetricSeries, EpochMs>, MetricSum>;

// Adds the sums to their minute, hour and day.
Status AddMetrics(Transaction& transaction, const MetricSums& sums, int64_t shard);

// In the order of time; `begin` <= time < `end`. At most `points_max`, the earliest.
Result<std::vector<MetricPoint>> ReadMetrics(Transaction& transaction, const MetricSeries& series,
                                             int64_t step_ms, EpochMs begin, EpochMs end,
                                             int64_t points_max);

// The series of a fleet that have a point of a day not before `since`.
Result<std::vector<MetricSeries>> ListMetrics(Transaction& transaction, const std::string& fleet,
                                              EpochMs since, int64_t series_max);

// Deletes points of that step before `before`, about `rows_max` at most; how many.
Result<int64_t> DeleteMetrics(Transaction& transaction, int64_t step_ms, EpochMs before,
                              int64_t rows_max);

}  // namespace kedge::store
