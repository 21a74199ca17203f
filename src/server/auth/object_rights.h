// What a caller may do with an object of the store.
//
//   admin, operator    everything
//   viewer             lists and reads
//   device             reads the packages that its desired state names, and writes (never reads or
//                      deletes) in the folder of its fleet, <S3OutputLocation>/<fleet>/: below
//                      <device>/, and anywhere below it names that begin with "<device>.", as its
//                      captures have (a device's name holds no dot)
//   restricted caller  what its role may, but only below <S3OutputLocation>/<fleet>/ of its fleets
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "blob/blob_store.h"
#include "server/auth/identity.h"
#include "store/store.h"
#include "store/tables/fleets.h"

namespace kedge::server {

enum class ObjectAction { kRead, kList, kWrite, kDelete, kManageBuckets, kListBuckets };

// "s3://bucket/out/lab/": the folder of what belongs to a fleet; empty if it has no output
// location.
Result<std::string> FolderOfFleet(const store::Fleet& fleet);

// For kList the key is the prefix asked for; for the actions on buckets it is empty. Errors are the
// store's.
Result<bool> MayUseObject(store::Store& store, const Identity& identity, ObjectAction action,
                          const blob::ObjectName& object);

}  // namespace kedge::server
