// What each device should have: a row a device and handle (the rules: fleet/desired.h).
//
// GetDeployments reads it by one indexed statement. A row is changed only where it is still what
// the change began with, so that two nodes which hear of one device at the same time do not lose
// either. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "fleet/desired.h"
#include "store/store.h"
#include "store/tables/deployments.h"

namespace kedge::store {

struct DesiredRow {
  std::string device;
  std::string model_handle;
  fleet::DesiredModel model;
};

// Of one device.
Result<std::vector<DesiredRow>> DesiredModels(Transaction& transaction, const std::string& fleet,
                                              const std::string& device);
// Of the devices of a fleet from the name `first` to the name `last`.
Result<std::vector<DesiredRow>> DesiredModelsBetween(Transaction& transaction,
                                                     const std::string& fleet,
                                                     const std::string& first,
                                                     const std::string& last);
// Of the devices of a stage, from `first` to `last`, that are pending there.
Result<std::vector<DesiredRow>> DesiredModelsOfPending(Transaction& transaction, const Stage& stage,
                                                       const std::string& first,
                                                       const std::string& last);

struct DesiredChange {
  std::string device;
  std::string model_handle;
  fleet::Desired before;  // as it was read
  fleet::Desired after;
};
// kUnavailable if a row is not as it was read (nothing may be concluded then: undo, read again);
// kFailedPrecondition if there is no such device.
Status ChangeDesired(Transaction& transaction, const std::string& fleet,
                     std::span<const DesiredChange> changes);

// A desired model with its package, for the device. Newest start first, then by handle.
struct DesiredPackage {
  std::string model_handle;
  fleet::DesiredState state = fleet::DesiredState::kOffered;
  std::string deployment_name;
  std::string uri;
  std::string sha1;
  std::string policy;  // FailureHandlingPolicy
};
// Whether there is anything that a device could be told of: one statement of three looks into
// indices, which for most polls is all there is to do.
struct Awaiting {
  bool registered = false;
  bool packages = false;  // DesiredPackages finds some
  bool commands = false;  // WaitingCommands may find some
};
Result<Awaiting> FindAwaiting(Transaction& transaction, const std::string& fleet,
                              const std::string& device);

Result<std::vector<DesiredPackage>> DesiredPackages(Transaction& transaction,
                                                    const std::string& fleet,
                                                    const std::string& device);

}  // namespace kedge::store
