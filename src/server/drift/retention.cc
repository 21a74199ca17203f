// SPDX-License-Identifier: Apache-2.0
#include "server/drift/retention.h"

#include "store/tables/drift_alarms.h"
#include "store/tables/drift_devices.h"
#include "store/tables/drift_subjects.h"
#include "store/tables/ground_truth.h"
#include "store/tables/statistics_reports.h"

namespace kedge::server {

Result<LeasedStep> DriftRetentionStep(store::Store& store, const Clock& clock,
                                      const store::Lease& lease) {
  const EpochMs now = clock.NowMs();
  int64_t deleted = 0;
  const auto remove = [&](const auto& rows_of) {
    const auto work = [&](store::Transaction& transaction) -> Status {
      KEDGE_TRY_STATUS(store::Fence(transaction, lease));
      KEDGE_TRY(const int64_t rows, rows_of(transaction));
      deleted += rows;
      return {};
    };
    return store.Write(work);
  };
  const auto before = [now](int64_t days) { return now - days * store::kDayMs; };
  constexpr int64_t kRows = kDriftRowsOfStep;
  for (const store::MetricStep& step : store::kDriftSteps) {
    KEDGE_TRY_STATUS(remove([&](store::Transaction& transaction) {
      return store::DeletePoints(transaction, step.ms, now - step.kept_ms, kRows);
    }));
  }
  KEDGE_TRY_STATUS(remove([&](store::Transaction& transaction) {
    return store::DeleteCounts(transaction, before(kDriftDaysOfCounts), kRows);
  }));
  KEDGE_TRY_STATUS(remove([&](store::Transaction& transaction) {
    return store::DeleteDriftDevices(transaction, before(kDriftDaysOfDevices), kRows);
  }));
  KEDGE_TRY_STATUS(remove([&](store::Transaction& transaction) {
    return store::DeleteMerged(transaction, before(kDriftDaysOfDevices), kRows);
  }));
  KEDGE_TRY_STATUS(remove([&](store::Transaction& transaction) {
    return store::DeleteSubjects(transaction, before(kDriftDaysOfSubjects), kRows);
  }));
  KEDGE_TRY_STATUS(remove([&](store::Transaction& transaction) {
    return store::DeleteAlarms(transaction, before(kDriftDaysOfAlarms), kRows);
  }));
  KEDGE_TRY_STATUS(remove([&](store::Transaction& transaction) {
    return store::DeleteGroundTruth(transaction, before(kDriftDaysOfLabels), kRows);
  }));
  return deleted > 0 ? LeasedStep::kMore : LeasedStep::kIdle;
}

}  // namespace kedge::server
