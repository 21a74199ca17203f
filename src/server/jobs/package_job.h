// One packaging job, from its row to its result.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server/jobs/compile_job.h"

namespace kedge::server {

// Fetches the result of the compilation job, writes and signs the package, verifies it as a device
// would, and stores <ModelName>-<ModelVersion>.tar.gz. An object that is not the one the
// compilation job stored (its SHA-256) is refused, never signed.
Result<store::JobOutputs> RunPackagingJob(const JobContext& context, const JobRun& run);

}  // namespace kedge::server
