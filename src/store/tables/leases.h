// Leases: work that must be done once is done by the node that holds the lease of its name.
//
// A lease is a row: name, holder, token, expiry. Taking it over increments the token by
// compare-and-set; the holder renews it before it expires. A holder may be paused for any time
// (SIGSTOP, a frozen virtual machine) and believe afterwards that it still holds the lease, so
// holding it proves nothing: every transaction of such work begins with Fence(), which changes
// nothing unless the token is still the newest. The row stays locked until that transaction has
// ended, so a take-over comes before all of it or after all of it.
//
// Expiry is wall time of the nodes, compared between machines: nodes' clocks should differ by less
// than a third of the lease. A worse clock makes a lease change hands too early or too late; two
// writes under one lease are impossible with any clock.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "store/store.h"

namespace kedge::store {

struct Lease {
  std::string name;
  std::string holder;  // a node's id
  int64_t token = 0;   // larger with every holder, from 1
  EpochMs expires = 0;
};

struct LeaseRequest {
  std::string name;
  std::string holder;
  EpochMs now = 0;
  int64_t ttl_ms = 0;
};

// Takes the lease if it is free or expired, and gives it; nothing if another holds it. Whoever held
// it before under the same name and id gets a new token too: a node that acquires has forgotten.
Result<std::optional<Lease>> AcquireLease(Transaction& transaction, const LeaseRequest& request);
// Puts the expiry off. kAborted if another token has been given meanwhile.
Result<Lease> RenewLease(Transaction& transaction, const Lease& lease, EpochMs now, int64_t ttl_ms);
// Lets the next one take it at once. Nothing happens if it is not this holder's any more.
Status ReleaseLease(Transaction& transaction, const Lease& lease);
// To be called first in every transaction that works under the lease: kAborted if another token has
// been given. An expired lease that nobody took over is still good.
Status Fence(Transaction& transaction, const Lease& lease);

Result<std::optional<Lease>> FindLease(Transaction& transaction, const std::string& name);

}  // namespace kedge::store
