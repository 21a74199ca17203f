// What a deployment came to, as the server hears it and as the state remembers it. Pure.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/update/device_state.h"

namespace kedge::agent {

// DeploymentStatus if some models were switched and others failed and stay as they were
// (DO_NOTHING).
constexpr std::string_view kPartlyFailed = "PARTLY-FAILED";

// The report on one model; an empty `failure` is success.
protocol::DeploymentModel ReportOf(const protocol::Definition& definition,
                                   const Candidate& candidate, const std::string& failure);

// The first failure of the update with its model's handle; empty if there is none.
std::string FirstFailure(const ActiveUpdate& update);

// The report on the whole update. With kDeploymentFailed, models that did not fail themselves are
// reported as rolled back because of the one that did.
protocol::DeploymentResult ResultOf(const ActiveUpdate& update, std::string_view status,
                                    EpochMs now);

// Of all definitions of a deployment.
std::vector<std::string> Fingerprints(const protocol::EdgeDeployment& deployment);

// The first of `listed` with a definition that is not among `finished`, or null.
const protocol::EdgeDeployment* FirstUnfinished(const std::vector<protocol::EdgeDeployment>& listed,
                                                const std::vector<std::string>& finished);

// Puts a result behind those that the server has not heard yet; the oldest goes above
// kUnreportedMax.
void QueueResult(DeviceState& state, protocol::DeploymentResult result);

// The update is over: its definitions are finished, its result waits for the server.
void EndUpdate(DeviceState& state, protocol::DeploymentResult result);

}  // namespace kedge::agent
