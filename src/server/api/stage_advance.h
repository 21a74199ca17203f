// One advance of a stage that starts or stops: one transaction over at most kAdvanceDevicesMax
// devices, by the rules of fleet/stage.h.
//
// A stage of a small fleet is advanced to its end by the request that starts or stops it. A larger
// one is STARTING (STOPPING) meanwhile and is worked off by StageAdvancer, on the node that holds
// the lease kStagesLease. A node that dies leaves a stage at some step, and the next goes on from
// there. Every advance is recorded in stage_advances with the lease's token.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/api/stage_rows.h"
#include "server/nodes/leased_loop.h"

namespace kedge::server {

constexpr std::string_view kStagesLease = "stages";
constexpr std::string_view kStagesChannel = "stages";  // raised when a stage begins to move

// Who makes the advance.
struct AdvancedBy {
  int64_t token = 0;  // 0: the request itself
  std::string node;
  EpochMs now = 0;
};

// The devices of a stage's fleet. `roster` is made once the stage's limit is drawn.
struct StageFleet {
  std::vector<std::string> names;
  std::optional<fleet::Roster> roster;
};

// All names of a fleet, in order; nothing if there are more than `devices_max`.
Result<std::optional<std::vector<std::string>>> FleetNames(store::Transaction& transaction,
                                                           const std::string& fleet,
                                                           size_t devices_max);

// Makes the stage's next advance and gives the stage after it. kUnavailable if somebody else moved
// the stage or a device meanwhile: undo, read again. kFailedPrecondition if a device has gone.
Result<store::Stage> AdvanceStage(store::Transaction& transaction, const store::Plan& plan,
                                  const store::Stage& stage, StageFleet& fleet,
                                  const AdvancedBy& by);

// What the loop under kStagesLease runs. One thread.
class StageAdvancer {
 public:
  // Borrows store and clock.
  StageAdvancer(store::Store& store, const Clock& clock, std::string node)
      : store_(store), clock_(clock), node_(std::move(node)) {}

  Result<LeasedStep> Step(const store::Lease& lease);

 private:
  Status Advance(const store::Lease& lease, const store::Stage& stage);
  Result<StageFleet> Load(const store::Plan& plan, const store::Stage& stage);
  Status Collect(const store::Lease& lease);

  store::Store& store_;
  const Clock& clock_;
  const std::string node_;

  // Of the stage that was advanced last.
  std::string loaded_deployment_;
  StageFleet loaded_;
  EpochMs collected_ = 0;
};

// The loop of one node: advances stages while it holds the lease.
class StageLoop {
 public:
  // Borrows store and clock.
  StageLoop(store::Store& store, const Clock& clock, const std::string& node,
            std::chrono::milliseconds ttl = kLeaseTtl)
      : advancer_(store, clock, node),
        loop_(store, clock, {.lease = std::string(kStagesLease), .node = node, .ttl = ttl},
              [this](const store::Lease& lease) { return advancer_.Step(lease); }),
        listening_(store.Listen(std::string(kStagesChannel), [this] { loop_.Wake(); })) {}

 private:
  StageAdvancer advancer_;
  LeasedLoop loop_;
  std::shared_ptr<store::Store::Listening> listening_;
};

}  // namespace kedge::server
