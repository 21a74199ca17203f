// Things that a call names and that must exist, with the error that AWS gives if they do not.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server/api/input.h"
#include "store/tables/deployments.h"
#include "store/tables/devices.h"
#include "store/tables/fleets.h"
#include "store/tables/jobs.h"
#include "store/tables/tags.h"

namespace kedge::server {

// ValidationException "No devicefleet with name: X" (clients look for that text).
Result<store::Fleet> NeedFleet(store::Transaction& transaction, const std::string& name);
// ValidationException "No device fleet with name: X" or "No device with name: X".
Result<store::Device> NeedDevice(store::Transaction& transaction, const std::string& fleet,
                                 const std::string& name);
// kNotFound for the others.
Result<store::CompilationJob> NeedCompilationJob(store::Transaction& transaction,
                                                 const std::string& name);
Result<store::PackagingJob> NeedPackagingJob(store::Transaction& transaction,
                                             const std::string& name);
Result<store::Plan> NeedPlan(store::Transaction& transaction, const std::string& name);
Result<store::Stage> NeedStage(store::Transaction& transaction, const std::string& plan,
                               const std::string& name);

// Stores the request's Tags with a resource.
Status PutTags(store::Transaction& transaction, const Input& input, const std::string& arn);

}  // namespace kedge::server
