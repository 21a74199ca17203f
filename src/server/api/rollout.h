// Events of deployments applied to the store's rows by the rules of fleet/rollout.h. Each function
// works inside the caller's transaction, so that a state and its counts change together.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "protocol/edge_api.h"
#include "store/tables/deployments.h"

namespace kedge::server {

// Chooses and records the devices, copies the packages of the plan as the deployment's definitions
// and gives the deployment a new name. Errors: kInvalidArgument (the state forbids it, no device is
// chosen, a package is not complete).
Status StartStage(store::Transaction& transaction, const store::Plan& plan, store::Stage stage,
                  EpochMs now);
// kInvalidArgument if the stage is not running.
Status StopStage(store::Transaction& transaction, store::Stage stage);

// The device has asked for its deployments: those it had not seen become INPROGRESS.
Result<bool> AnythingToPickUp(store::Transaction& transaction, const std::string& fleet,
                              const std::string& device);
Status PickUp(store::Transaction& transaction, const std::string& fleet, const std::string& device);

// The device reports. A deployment that is unknown (its stage was started anew, or removed) is
// ignored: the device did what it was told at the time.
Status RecordResult(store::Transaction& transaction, const protocol::DeviceIdentity& device,
                    const protocol::DeploymentResult& result);

// A device that is deregistered no longer holds up its stages.
Status LeaveDeployments(store::Transaction& transaction, const std::string& fleet,
                        const std::string& device);

}  // namespace kedge::server
