// One execution of a monitoring schedule, from its row to the files of its result.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server/jobs/compile_job.h"
#include "server/jobs/runner.h"

namespace kedge::server {

// Reads the window's inferences in one thread and bounded memory, compares them with the baseline,
// and stores below <S3Uri>/[<fleet>/]<schedule>/yyyy/mm/dd/hh/ what Model Monitor stores there.
// docs/model-monitor.md.
Result<store::JobOutputs> RunMonitoringJob(const JobContext& context, const JobRun& run);

}  // namespace kedge::server
