// Reports of counts on their way from heartbeats to the drift loop.
//
// A report is kept under (device, boot, sequence) until it is merged; then its row goes and the
// sequence stays as the device's last one of that start. A report that comes again is the same row,
// or one whose sequence was merged before, so it is counted once whatever the network does.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/tables/device_state.h"
#include "store/tables/list_statement.h"

namespace kedge::store {

struct StatisticsReport {
  DeviceKey key;
  std::string boot;
  int64_t sequence = 0;
  EpochMs received = 0;
  std::string report;  // base64, as the device sent it
};

// Adds those that are not there. A report that was merged before is added again and left out by the
// merge.
Status InsertReports(Transaction& transaction, const std::vector<StatisticsReport>& reports);
// The earliest, at most `rows_max`.
Result<std::vector<StatisticsReport>> WaitingReports(Transaction& transaction, int64_t rows_max);
Result<int64_t> CountWaitingReports(Transaction& transaction);
Status DeleteReports(Transaction& transaction, const std::vector<StatisticsReport>& reports);

// The sequence of the last merged report of that start, 0 if there is none, at the places of
// `reports`.
Result<std::vector<int64_t>> MergedSequences(Transaction& transaction,
                                             const std::vector<StatisticsReport>& reports);
// Keeps the sequences as the last merged ones where they are greater.
Status MarkMerged(Transaction& transaction, const std::vector<StatisticsReport>& reports,
                  EpochMs now);
// Forgets starts whose last report was merged before; how many.
Result<int64_t> DeleteMerged(Transaction& transaction, EpochMs before, int64_t rows_max);

}  // namespace kedge::store
