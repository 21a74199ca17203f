// Deletes what is too old of drift: counts, points, devices, alarms, labels. A leased step.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server/nodes/leased_loop.h"

namespace kedge::server {

// Name of the lease.
inline constexpr const char* kDriftRetentionLease = "drift-retention";

constexpr int64_t kDriftDaysOfCounts = 30;
constexpr int64_t kDriftDaysOfDevices = 30;   // since the last report; of its starts too
constexpr int64_t kDriftDaysOfSubjects = 90;  // likewise
constexpr int64_t kDriftDaysOfAlarms = 400;   // since they closed
constexpr int64_t kDriftDaysOfLabels = 90;    // since they came
constexpr int64_t kDriftRowsOfStep = 2'000;

// One step: about kDriftRowsOfStep rows of each kind, in a transaction of its own each.
Result<LeasedStep> DriftRetentionStep(store::Store& store, const Clock& clock,
                                      const store::Lease& lease);

}  // namespace kedge::server
