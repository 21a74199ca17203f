// Events of deployments applied to the store's rows by the rules of fleet/. Each function works
// inside the caller's transaction, so that a state and its counts change together.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "protocol/edge_api.h"
#include "server/api/stage_rows.h"

namespace kedge::server {

// Errors: kInvalidArgument if the stage would have no device (checked before a start, since a large
// fleet is read for it).
Status CheckSelectsSomebody(store::Transaction& transaction, const store::Plan& plan,
                            const store::Stage& stage);

// Copies the packages of the plan as the definitions of a new deployment and makes the stage
// STARTING; the stage of a small fleet is INPROGRESS at once, a larger one moves on by
// StageAdvancer. kInvalidArgument: the state forbids it, or a package is not complete.
Status StartStage(store::Transaction& transaction, const store::Plan& plan, store::Stage stage,
                  EpochMs now);
// Likewise STOPPING and STOPPED. kInvalidArgument if the stage is not running.
Status StopStage(store::Transaction& transaction, const store::Plan& plan, store::Stage stage,
                 EpochMs now);

// The device has asked for its deployments: those it had not seen become INPROGRESS.
Status PickUp(store::Transaction& transaction, const std::string& fleet, const std::string& device);

// The device reports. A deployment that nothing refers to any more is ignored: the device did what
// it was told at the time. A report may come any number of times.
Status RecordResult(store::Transaction& transaction, const protocol::DeviceIdentity& device,
                    const protocol::DeploymentResult& result);

// A device that is deregistered no longer holds up its stages.
Status LeaveDeployments(store::Transaction& transaction, const std::string& fleet,
                        const std::string& device);

}  // namespace kedge::server
