// Each device's current evidence about a subject (drift_subjects.h), and what it is named for.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/tables/device_state.h"
#include "store/tables/list_statement.h"

namespace kedge::store {

struct DriftDevice {
  std::string subject;
  DeviceKey key;
  std::string boot;
  EpochMs began = 0;     // its evidence
  EpochMs reported = 0;  // the latest merged report
  int64_t epoch = 0;     // of its evidence, see DriftSubject
  int64_t steps = 0;     // of its detectors since `began`
  int64_t samples = 0;   // inferences since `began`
  std::string evidence;  // a code a feature, two hexadecimal digits each
  std::string named;     // numbers of features, with spaces; empty: not named
  EpochMs capture_until = 0;
};

// Those of them that there are, in no order.
Result<std::vector<DriftDevice>> FindDriftDevices(Transaction& transaction,
                                                  const std::string& subject,
                                                  const std::vector<std::string>& devices);
// What a merge changes: all but `named` and `capture_until`.
Status PutDriftDevices(Transaction& transaction, const std::vector<DriftDevice>& devices);
// Those that reported since, after `after` in the order of names.
Result<std::vector<DriftDevice>> DriftDevicesSince(Transaction& transaction,
                                                   const std::string& subject, EpochMs since,
                                                   const std::string& after, int64_t rows_max);
struct DriftDeviceFilter {
  std::string subject;
  bool named_only = false;
};
// Named ones first, then by name.
Result<PageOf<DriftDevice>> ListDriftDevices(Transaction& transaction,
                                             const DriftDeviceFilter& filter, const Page& page);
// Devices of a subject that have reported since, and those of them that are named.
struct DriftDeviceCount {
  int64_t reporting = 0;
  int64_t named = 0;
};
Result<DriftDeviceCount> CountDriftDevices(Transaction& transaction, const std::string& subject,
                                           EpochMs since);
Result<std::vector<DriftDevice>> NamedDevices(Transaction& transaction, const std::string& subject,
                                              int64_t rows_max);
// Names them: `named` and `capture_until` of each.
Status NameDevices(Transaction& transaction, const std::vector<DriftDevice>& devices);

// A device that is asked to capture because its model drifts.
struct DriftCapture {
  DeviceKey key;
  std::string model;
  std::string version;
  std::string baseline;
  std::string named;  // numbers of features
  std::string subject;
  EpochMs until = 0;
};
Result<std::vector<DriftCapture>> ActiveCaptures(Transaction& transaction, EpochMs now,
                                                 int64_t rows_max);

Result<int64_t> DeleteDriftDevices(Transaction& transaction, EpochMs reported_before,
                                   int64_t rows_max);

}  // namespace kedge::store
