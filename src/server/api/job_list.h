// What the two kinds of jobs share.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server/api/input.h"
#include "store/tables/jobs.h"

namespace kedge::server {

// NameContains, ModelNameContains, StatusEquals, the times and SortBy, in both spellings of SortBy.
store::JobFilter ReadJobFilter(const Input& input);

// A queued job is stopped at once, a running one goes to STOPPING, an ended one stays. kNotFound.
Status StopNamedJob(store::Transaction& transaction, store::JobKind kind, const std::string& name,
                    EpochMs now);

}  // namespace kedge::server
