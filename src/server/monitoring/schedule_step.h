// What is done under the lease of monitoring: executions are queued when their slot has come, and
// alerts are judged when executions have ended. SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server/api/context.h"
#include "server/nodes/leased_loop.h"
#include "store/tables/monitoring.h"

namespace kedge::server {

constexpr char kMonitoringLease[] = "monitoring";

// The definition's request in the form of a data quality definition, from a schedule that holds it
// inline.
json::Value RequestOfInline(const json::Value& definition);
// The window of an execution: since the slot before, or by the offsets of the input or (NOW) of the
// schedule. kInvalidArgument.
struct MonitoringWindow {
  EpochMs from = 0;
  EpochMs to = 0;
};
Result<MonitoringWindow> WindowOf(const json::Value& config, const std::string& kind,
                                  const json::Value& request, EpochMs slot);

// One step of the leased loop.
Result<LeasedStep> MonitoringStep(store::Store& store, const Clock& clock,
                                  const store::Lease& lease, JobSignals& executions);

}  // namespace kedge::server
