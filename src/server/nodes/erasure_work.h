// Deletes the captured objects of erased devices, a page of keys a step.
//
// A capture file (docs/formats/capture.md) holds lines of one device; the raw files that a line
// refers to carry its capture id in their names. The walk is remembered after each page, so a node
// that dies costs one page.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "blob/blob_store.h"
#include "server/nodes/leased_loop.h"

namespace kedge::server {

// Name of the lease.
inline constexpr const char* kErasureLease = "erasures";

// One step of the oldest erasure; kIdle if there is none. A location that is not an object's name
// (an https fleet output) holds no captures of ours and is passed over.
Result<LeasedStep> EraseObjectsStep(store::Store& store, blob::BlobStore& blobs,
                                    const store::Lease& lease);

}  // namespace kedge::server
