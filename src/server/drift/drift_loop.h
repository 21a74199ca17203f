// Merging and judging as one leased work: reports first, then every subject whose turn it is.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server/drift/judge.h"
#include "server/drift/merge.h"

namespace kedge::server {

// Name of the lease.
inline constexpr const char* kDriftLease = "drift";

struct DriftParts {
  store::Store& store;
  const Clock& clock;
  const Arns& arns;
  Baselines& baselines;
};

// One thread but for totals().
class DriftWork {
 public:
  DriftWork(const DriftParts& parts, JudgeSettings settings)
      : merge_(parts.store, parts.clock, parts.arns, parts.baselines),
        judge_(parts.store, parts.clock, parts.arns, parts.baselines, settings) {}

  // One batch of reports and one judgement.
  Result<LeasedStep> Step(const store::Lease& lease);
  // Until there is nothing to do; for tests.
  Status RunToEnd(const store::Lease& lease);
  const MergeTotals& totals() const { return merge_.totals(); }

 private:
  ReportMerge merge_;
  DriftJudge judge_;
};

}  // namespace kedge::server
