// What the handlers of Model Monitor's resources share.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "server/api/context.h"
#include "store/tables/monitoring.h"

namespace kedge::server {

// "DataQuality" and so on.
const std::vector<std::string>& MonitoringKinds();

// The fleet that the request of a definition reads, or "".
std::string EndpointOf(const json::Value& request, const std::string& kind);
// What the description cannot say: one input, a format that is read, a place for the results.
// kInvalidArgument.
Status CheckMonitoringRequest(const json::Value& request, const std::string& kind);
// kInvalidArgument if there is none.
Result<store::MonitoringDefinition> NeedDefinition(store::Transaction& transaction,
                                                   const std::string& kind,
                                                   const std::string& name);
// Whether the ARN names a job definition that exists.
bool IsMonitoringDefinition(store::Transaction& transaction, const Context& context,
                            const std::string& arn);

// The same of a schedule.
bool IsMonitoringSchedule(store::Transaction& transaction, const Context& context,
                          const std::string& arn);

// How an execution shows in lists and in its schedule.
json::Object ExecutionSummary(const Context& context, const store::MonitoringExecution& execution);

}  // namespace kedge::server
