// Deletes what is too old of the metrics, and counters of minutes in which no device is any more.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server/nodes/leased_loop.h"

namespace kedge::server {

// Name of the lease.
inline constexpr const char* kRetentionLease = "retention";
constexpr std::chrono::minutes kRetentionPeriod{10};

// One step: about kRetentionRowsMax rows of each kind, in a transaction of its own each.
constexpr int64_t kRetentionRowsMax = 2'000;
Result<LeasedStep> RetentionStep(store::Store& store, const Clock& clock,
                                 const store::Lease& lease);

}  // namespace kedge::server
