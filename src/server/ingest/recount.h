// Counts the devices of a fleet again and compares with the counters that heartbeats keep by
// differences. Needed once after an upgrade to the counters and after a restore; otherwise a check
// that should find nothing.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/store.h"

namespace kedge::server {

struct Drift {
  std::string fleet;
  int64_t counters = 0;  // that differ
};

// Compares every fleet on one consistent view each, and repairs those that differ. The fleets that
// did. Also brings rows of former versions into today's form.
Result<std::vector<Drift>> RepairCounts(store::Store& store);

// RepairCounts if the database says that it is needed, before anything is served.
Status RepairCountsIfMarked(store::Store& store);

}  // namespace kedge::server
