// SPDX-License-Identifier: Apache-2.0
#include "server/ingest/retention.h"

#include "store/tables/fleet_counts.h"
#include "store/tables/metric_points.h"

namespace kedge::server {
namespace {

// A minute that is so long past gets no device any more, and loses none but to a later one.
constexpr int64_t kCountsKeptMinutes = 24 * 60;

}  // namespace

Result<LeasedStep> RetentionStep(store::Store& store, const Clock& clock,
                                 const store::Lease& lease) {
  const EpochMs now = clock.NowMs();
  int64_t deleted = 0;
  const auto remove = [&](const auto& rows_of) {
    return store.Write([&](store::Transaction& transaction) -> Status {
      KEDGE_TRY_STATUS(store::Fence(transaction, lease));
      KEDGE_TRY(const int64_t rows, rows_of(transaction));
      deleted += rows;
      return {};
    });
  };
  for (const store::MetricStep& step : store::kMetricSteps) {
    KEDGE_TRY_STATUS(remove([&](store::Transaction& transaction) {
      return store::DeleteMetrics(transaction, step.ms, now - step.kept_ms, kRetentionRowsMax);
    }));
  }
  KEDGE_TRY_STATUS(remove([&](store::Transaction& transaction) {
    return store::DeleteEmptyCounts(transaction, now / store::kMinuteMs - kCountsKeptMinutes,
                                    kRetentionRowsMax);
  }));
  return deleted > 0 ? LeasedStep::kMore : LeasedStep::kIdle;
}

}  // namespace kedge::server
