// How much there is of everything.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/store.h"

namespace kedge::store {

struct TableCount {
  std::string what;  // "fleets", "devices", ...
  int64_t rows = 0;
};
// Fleets, devices, jobs, plans, models. Walks through an index of each.
Result<std::vector<TableCount>> CountTables(Transaction& transaction);
// The number of the last migration that was applied.
Result<int64_t> AppliedSchemaVersion(Transaction& transaction);

}  // namespace kedge::store
