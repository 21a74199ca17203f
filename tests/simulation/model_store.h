// The store as the simulation sees it: the rows of deployments and one lease, changed by
// transactions that are atomic, with the same compare-and-set conditions as the SQL of
// store/tables/, by the same rules of fleet/. Every transaction that commits is checked against the
// invariants. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fleet/desired.h"
#include "fleet/selection.h"
#include "fleet/stage.h"

namespace kedge::simulation {

constexpr size_t kHandlesMax = 2;
constexpr size_t kDevicesMax = 10;
constexpr size_t kAdvanceDevicesMax = 3;  // of one advance: small, so that a stage needs several

// What a test switches off to see that the invariants notice.
struct Mutation {
  bool no_fence = false;  // a former holder of the lease may write
  bool no_step = false;   // a stage may have moved since it was read
};

struct Lease {
  int holder = -1;
  int64_t token = 0;
  int64_t expires = 0;
};

struct StageRow {
  fleet::Stage state;
  fleet::Deployment deployment;
  fleet::Selection selection;
  std::string limit;
  bool rolls_back = true;
  std::array<bool, kHandlesMax> handles{};
  std::vector<std::optional<fleet::DeviceStatus>> devices;  // none: not in the stage
  bool stop_promised = false;  // since the last start somebody was told that it stops
};

struct AdvanceRecord {
  int64_t deployment = 0;
  int64_t step = 0;
  int64_t token = 0;
};

struct Report {
  size_t device = 0;
  fleet::Deployment deployment;
  size_t stage = 0;
  bool succeeded = false;
};

// A deployment that a device is told of.
struct Offer {
  fleet::Deployment deployment;
  size_t stage = 0;
};

class ModelStore {
 public:
  ModelStore(std::vector<std::string> devices, std::vector<StageRow> stages, Mutation mutation);

  // Transactions. False: refused, and nothing was changed.
  bool AcquireLease(int node, int64_t now, int64_t ttl);
  bool RenewLease(int64_t token, int64_t now, int64_t ttl);
  bool Start(size_t stage);
  bool Stop(size_t stage);
  // One advance of the stage as it was read before, under a token.
  bool Advance(size_t stage, const StageRow& read, int64_t token);
  // The device asks. What it should do and has not done.
  std::vector<Offer> PickUp(size_t device);
  void Record(const Report& report);

  // The oldest start that moves; nothing if none does.
  std::optional<size_t> Moving() const;

  const StageRow& stage(size_t index) const { return stages_[index]; }
  size_t stages() const { return stages_.size(); }
  size_t devices() const { return names_.size(); }
  const Lease& lease() const { return lease_; }
  size_t advances() const { return advances_.size(); }

  // The first invariant that a transaction broke; empty: none.
  const std::string& violation() const { return violation_; }
  // Those that hold when nothing is left to do.
  void CheckEnded();

 private:
  using DesiredOfDevice = std::array<fleet::Desired, kHandlesMax>;

  size_t IndexOf(const std::string& device) const;
  std::optional<size_t> StageOf(const std::string& deployment) const;
  void Move(size_t stage, size_t device, std::optional<fleet::DeviceStatus> to);
  fleet::Advance RunPhase(size_t stage);
  fleet::Advance Assign(size_t stage);
  fleet::Advance StopSome(size_t stage);
  bool PendingAnywhere(size_t device, const std::string& deployment) const;
  void Check();
  void CheckStage(const StageRow& stage);
  void CheckDevice(size_t device);
  void Violated(const std::string& what);

  const std::vector<std::string> names_;
  std::vector<StageRow> stages_;
  std::vector<DesiredOfDevice> desired_;
  std::vector<int64_t> newest_failed_;  // of each device: number of a deployment
  Lease lease_;
  int64_t last_number_ = 0;
  std::vector<AdvanceRecord> advances_;  // only added to
  const Mutation mutation_;
  std::string violation_;
};

}  // namespace kedge::simulation
