// What a caller may do with an object of the store.
//
//   admin, operator    everything
//   viewer             lists and reads
//   device             reads the packages that its desired state names, and writes (never reads or
//                      deletes) below <S3OutputLocation of its fleet>/<fleet>/<device>/
//   restricted caller  what its role may, but only below <S3OutputLocation>/<fleet>/ of its fleets
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "blob/blob_store.h"
#include "server/auth/identity.h"
#include "store/store.h"

namespace kedge::server {

enum class ObjectAction { kRead, kList, kWrite, kDelete, kManageBuckets, kListBuckets };

// For kList the key is the prefix asked for; for the actions on buckets it is empty. Errors are the
// store's.
Result<bool> MayUseObject(store::Store& store, const Identity& identity, ObjectAction action,
                          const blob::ObjectName& object);

}  // namespace kedge::server
