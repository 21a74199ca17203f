// SPDX-License-Identifier: Apache-2.0
#include "store/tables/metric_points.h"

#include <algorithm>

namespace kedge::store {
namespace {

constexpr std::string_view kAdd =
    "INSERT INTO metric_points (fleet, model, metric, step_ms, time_ms, shard, n, total, least, "
    "greatest) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) "
    "ON CONFLICT (fleet, model, metric, step_ms, time_ms, shard) DO UPDATE SET "
    "n = metric_points.n + excluded.n, total = metric_points.total + excluded.total, "
    "least = CASE WHEN excluded.least < metric_points.least THEN excluded.least "
    "ELSE metric_points.least END, "
    "greatest = CASE WHEN excluded.greatest > metric_points.greatest THEN excluded.greatest "
    "ELSE metric_points.greatest END";

void Merge(MetricSum& into, const MetricSum& sum) {
  if (into.n == 0) {
    into = sum;
    return;
  }
  into.n += sum.n;
  into.total += sum.total;
  into.least = std::min(into.least, sum.least);
  into.greatest = std::max(into.greatest, sum.greatest);
}

}  // namespace

void MetricSum::Add(double value) {
  Merge(*this, {.n = 1, .total = value, .least = value, .greatest = value});
}

Status AddMetrics(Transaction& transaction, const MetricSums& sums, int64_t shard) {
  std::map<std::tuple<MetricSeries, int64_t, EpochMs>, MetricSum> points;
  for (const auto& [place, sum] : sums) {
    for (const MetricStep& step : kMetricSteps) {
      Merge(points[{place.first, step.ms, place.second / step.ms * step.ms}], sum);
    }
  }
  if (points.empty()) return {};
  std::vector<std::vector<Value>> rows;
  rows.reserve(points.size());
  for (const auto& [place, sum] : points) {
    const auto& [series, step_ms, time] = place;
    rows.push_back({series.fleet, series.model, series.metric, step_ms, time, shard, sum.n,
                    sum.total, sum.least, sum.greatest});
  }
  KEDGE_TRY([[maybe_unused]] const int64_t changed, transaction.ExecuteMany(kAdd, rows));
  return {};
}

Result<std::vector<MetricPoint>> ReadMetrics(Transaction& transaction, const MetricSeries& series,
                                             int64_t step_ms, EpochMs begin, EpochMs end,
                                             int64_t points_max) {
  KEDGE_TRY(const Rows rows,
            transaction.Query(
                "SELECT time_ms, CAST(SUM(n) AS bigint), SUM(total), MIN(least), MAX(greatest) "
                "FROM metric_points WHERE fleet = $1 AND model = $2 AND metric = $3 AND "
                "step_ms = $4 AND time_ms >= $5 AND time_ms < $6 "
                "GROUP BY time_ms ORDER BY time_ms LIMIT $7",
                {series.fleet, series.model, series.metric, step_ms, begin, end, points_max}));
  std::vector<MetricPoint> points;
  for (const Row& row : rows) {
    points.push_back({.time = row.Integer(0),
                      .sum = {.n = row.Integer(1),
                              .total = row.Real(2),
                              .least = row.Real(3),
                              .greatest = row.Real(4)}});
  }
  return points;
}

Result<std::vector<MetricSeries>> ListMetrics(Transaction& transaction, const std::string& fleet,
                                              EpochMs since, int64_t series_max) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT DISTINCT model, metric FROM metric_points WHERE fleet = $1 "
                              "AND step_ms = $2 AND time_ms >= $3 ORDER BY model, metric LIMIT $4",
                              {fleet, kDayMs, since, series_max}));
  std::vector<MetricSeries> series;
  for (const Row& row : rows) series.push_back({fleet, row.Text(0), row.Text(1)});
  return series;
}

Result<int64_t> DeleteMetrics(Transaction& transaction, int64_t step_ms, EpochMs before,
                              int64_t rows_max) {
  // The times of a few rows, then everything of them: one range of the index each.
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT MAX(time_ms) FROM (SELECT time_ms FROM metric_points WHERE "
                              "step_ms = $1 AND time_ms < $2 ORDER BY time_ms LIMIT $3) AS oldest",
                              {step_ms, before, rows_max}));
  if (rows.at(0).IsNull(0)) return int64_t{0};
  return transaction.Execute("DELETE FROM metric_points WHERE step_ms = $1 AND time_ms <= $2",
                             {step_ms, rows[0].Integer(0)});
}

}  // namespace kedge::store
