// What devices report over time, for charts.
// SPDX-License-Identifier: Apache-2.0
#include "server/api/context.h"
#include "server/api/lookup.h"
#include "server/api/wire.h"
#include "store/tables/metric_points.h"

namespace kedge::server {
namespace {

constexpr int64_t kPointsMax = 2'000;
constexpr int64_t kSeriesMax = 1'000;
constexpr int64_t kListedMs = 30 * store::kDayMs;

int64_t StepOf(const std::string& resolution) {
  if (resolution == "MINUTE") return store::kMetricSteps[0].ms;
  return resolution == "HOUR" ? store::kMetricSteps[1].ms : store::kMetricSteps[2].ms;
}

Result<json::Value> GetMetrics(const Context& context, const Call& call) {
  const Input input = call.input();
  const EpochMs begin = input.Time("StartTime").value_or(0);
  const EpochMs end = input.Time("EndTime").value_or(0);
  if (end <= begin) return InvalidArgument("EndTime must be later than StartTime");
  std::vector<store::MetricPoint> points;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const store::Fleet fleet, NeedFleet(transaction, input.Text("DeviceFleetName")));
    KEDGE_TRY(points,
              store::ReadMetrics(transaction,
                                 {fleet.name, input.Text("ModelName"), input.Text("MetricName")},
                                 StepOf(input.Text("Resolution")), begin, end, kPointsMax));
    return {};
  }));
  json::Array list;
  for (const store::MetricPoint& point : points) {
    list.push_back(json::Object{{"Time", Seconds(point.time)},
                                {"Count", point.sum.n},
                                {"Sum", point.sum.total},
                                {"Minimum", point.sum.least},
                                {"Maximum", point.sum.greatest}});
  }
  return json::Value(json::Object{{"Points", std::move(list)}});
}

Result<json::Value> ListMetrics(const Context& context, const Call& call) {
  std::vector<store::MetricSeries> series;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const store::Fleet fleet,
              NeedFleet(transaction, call.input().Text("DeviceFleetName")));
    KEDGE_TRY(series, store::ListMetrics(transaction, fleet.name, context.clock.NowMs() - kListedMs,
                                         kSeriesMax));
    return {};
  }));
  json::Array metrics;
  for (const store::MetricSeries& one : series) {
    json::Object metric{{"MetricName", one.metric}};
    if (!one.model.empty()) metric.Set("ModelName", one.model);
    metrics.push_back(std::move(metric));
  }
  return json::Value(json::Object{{"Metrics", std::move(metrics)}});
}

}  // namespace

void AddMetricRoutes(Router& router, const Context& context) {
  router.Add("GetMetrics", [&context](const Call& call) { return GetMetrics(context, call); });
  router.Add("ListMetrics", [&context](const Call& call) { return ListMetrics(context, call); });
}

}  // namespace kedge::server
