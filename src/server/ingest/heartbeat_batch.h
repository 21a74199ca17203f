// One batch of heartbeats as rows of the store.
//
// Of the heartbeats of one device only the newest is stored, and all of them are acknowledged with
// it; what became of deployments is never left out: every result of the batch is recorded, in the
// order of arrival. A heartbeat whose (boot, sequence) is not newer than the stored one was stored
// before; it is acknowledged and changes nothing.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "protocol/edge_api.h"
#include "store/tables/device_state.h"

namespace kedge::server {

struct HeartbeatRecord {
  store::DeviceState state;  // what the device's row becomes, but for its revision
  std::optional<protocol::DeploymentResult> result;
};

// A heartbeat that arrived at `now`. Models without a name are left out.
HeartbeatRecord MakeRecord(protocol::Heartbeat heartbeat, EpochMs now);

// What became of each record of a batch, at its place.
enum class Outcome : uint8_t { kStored, kUnknownDevice };

// Writes the batch. `outcomes` is filled anew. Errors: the store's; kAborted as UpdateStates.
// `shard`: of the counters, see store/tables/fleet_counts.h.
Status ApplyBatch(store::Transaction& transaction, const std::vector<HeartbeatRecord>& records,
                  int64_t shard, std::vector<Outcome>& outcomes);

}  // namespace kedge::server
