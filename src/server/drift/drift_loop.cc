// SPDX-License-Identifier: Apache-2.0
#include "server/drift/drift_loop.h"

namespace kedge::server {

Result<LeasedStep> DriftWork::Step(const store::Lease& lease) {
  KEDGE_TRY(const LeasedStep merged, merge_.Step(lease));
  KEDGE_TRY(const LeasedStep judged, judge_.Step(lease));
  const bool more = merged == LeasedStep::kMore || judged == LeasedStep::kMore;
  return more ? LeasedStep::kMore : LeasedStep::kIdle;
}

Status DriftWork::RunToEnd(const store::Lease& lease) {
  for (;;) {
    KEDGE_TRY(const LeasedStep step, Step(lease));
    if (step == LeasedStep::kIdle) return {};
  }
}

}  // namespace kedge::server
