// What the model registry learns by itself: a packaging job makes its model version, and jobs and
// plans become steps of the version's lineage.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server/api/context.h"
#include "store/tables/jobs.h"
#include "store/tables/models.h"

namespace kedge::server {

// SHA-256 of the object that a compilation job compiled, hexadecimal; "" if the object is gone or
// was replaced since. Reads the object store: call it outside a transaction.
std::string SourceDigest(const Context& context, const store::CompilationJob& job);

// The model and version of a new packaging job, made if they are new, with both jobs as steps.
// kOutOfRange at a quota.
Status RegisterPackaging(const Context& context, store::Transaction& transaction, const Call& call,
                         const store::CompilationJob& compiled, const store::PackagingJob& job,
                         const std::string& source_sha256);

// A new plan as a step of each version that its packaging jobs made. kFailedPrecondition names a
// version that is REJECTED.
Status RegisterPlan(store::Transaction& transaction, const std::string& plan,
                    const std::vector<std::string>& packaging_jobs, EpochMs now);

}  // namespace kedge::server
