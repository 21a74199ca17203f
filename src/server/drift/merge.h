// Waiting reports become counts: by subject, hour and tag, each report once.
//
// A step takes the earliest reports, decodes them outside the store, and writes what follows from
// them in one transaction with their deletion: counts of the hour for all devices and for each tag,
// the subject's counts since its last judgement, and each device's current evidence. A report whose
// sequence was merged before is deleted only. A report under a baseline that no package carries is
// dropped and counted; so is one whose counts have another shape than the baseline's.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "server/api/context.h"
#include "server/drift/baselines.h"
#include "server/drift/counts.h"
#include "server/nodes/leased_loop.h"
#include "store/tables/drift_devices.h"
#include "store/tables/drift_subjects.h"
#include "store/tables/statistics_reports.h"

namespace kedge::server {

constexpr int64_t kReportsOfStepMax = 1'024;
constexpr int64_t kSubjectsMax = 10'000;
constexpr size_t kTagsOfDeviceMerged = 8;   // the first by key; further ones are not counted by
constexpr int64_t kTagRowsOfHourMax = 256;  // of a subject; further values are not counted by
constexpr int64_t kCountsHourMs = 3'600'000;

// A report decoded, at the place of its row.
struct DecodedReport {
  store::StatisticsReport row;
  stats::StatisticsReport report;
};

struct MergeTotals {
  std::atomic<uint64_t> merged = 0;
  std::atomic<uint64_t> duplicates = 0;
  std::atomic<uint64_t> dropped = 0;  // parts of reports, a model each
  std::atomic<uint64_t> samples = 0;
};

// The row of a report as it is stored. kInvalidArgument: `text` is no report.
Result<store::StatisticsReport> MakeReportRow(const store::DeviceKey& key, std::string text,
                                              EpochMs now);

// One thread but for totals().
class ReportMerge {
 public:
  // Borrows all.
  ReportMerge(store::Store& store, const Clock& clock, const Arns& arns, Baselines& baselines)
      : store_(store), clock_(clock), arns_(arns), baselines_(baselines) {}

  // One step; kIdle if there were no more reports than it took.
  Result<LeasedStep> Step(const store::Lease& lease);
  const MergeTotals& totals() const { return totals_; }

 private:
  struct Changes;
  Status Apply(store::Transaction& transaction, const std::vector<DecodedReport>& reports,
               Changes& changes);
  Status LoadSubjects(store::Transaction& transaction, Changes& changes);
  Status LoadDevices(store::Transaction& transaction, Changes& changes);
  Status AddParts(Changes& changes);
  Status WriteCountsByHour(store::Transaction& transaction, Changes& changes);

  store::Store& store_;
  const Clock& clock_;
  const Arns& arns_;
  Baselines& baselines_;
  MergeTotals totals_;
};

}  // namespace kedge::server
