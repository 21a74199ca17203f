// SPDX-License-Identifier: Apache-2.0
#include "simulation/rollout_simulation.h"

#include <algorithm>

namespace kedge::simulation {
namespace {

constexpr int kEvents = 120;       // before everything is let run to its end
constexpr int kEventsAtEnd = 600;  // within which a rollout must have ended
constexpr int64_t kTtl = 30;
constexpr size_t kReportsWaitingMax = 32;

// SplitMix64: a few nanoseconds a number, and no state to set up.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Below(uint64_t n) {
    state_ += 0x9e3779b97f4a7c15;
    uint64_t z = state_;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (z ^ z >> 31) % n;
  }
  bool Chance(uint64_t percent) { return Below(100) < percent; }

 private:
  uint64_t state_;
};

struct Node {
  int64_t skew = 0;          // of its clock
  int64_t frozen_until = 0;  // true time
  int64_t token = 0;         // of the lease it believes to hold; 0: none
  int64_t renewed = 0;       // by its own clock
  // A stage that it has read and will advance.
  std::optional<size_t> stage;
  StageRow read;
};

class Simulation {
 public:
  Simulation(uint64_t seed, Mutation mutation)
      : random_(seed), store_(MakeDevices(), MakeStages(), mutation) {
    nodes_.resize(2 + random_.Below(2));
    for (Node& node : nodes_) node.skew = static_cast<int64_t>(random_.Below(3 * kTtl)) - kTtl;
    waiting_.reserve(kReportsWaitingMax);
  }

  Outcome Run() {
    for (int i = 0; i < kEvents && store_.violation().empty(); ++i) {
      now_ += static_cast<int64_t>(random_.Below(5));
      OneEvent();
    }
    for (Node& node : nodes_) node.frozen_until = 0;
    for (int i = 0; i < kEventsAtEnd && store_.violation().empty() && !Quiet(); ++i) {
      now_ += 2;
      for (size_t node = 0; node < nodes_.size(); ++node) NodeStep(node);
      for (size_t device = 0; device < store_.devices(); ++device) Ask(device);
      while (!waiting_.empty()) Deliver(waiting_.size() - 1, /*again=*/false);
    }
    store_.CheckEnded();
    return {.violation = store_.violation(),
            .advances = store_.advances(),
            .take_overs = static_cast<size_t>(store_.lease().token)};
  }

 private:
  std::vector<std::string> MakeDevices() {
    std::vector<std::string> names(2 + random_.Below(kDevicesMax - 1));
    for (size_t i = 0; i < names.size(); ++i) names[i] = "d" + std::to_string(10 + i);
    return names;
  }

  std::vector<StageRow> MakeStages() {
    std::vector<StageRow> stages(2 + random_.Below(2));
    for (StageRow& stage : stages) {
      stage.selection.kind = fleet::Selection::Kind::kPercentage;
      stage.selection.percentage = static_cast<int64_t>(25 * (1 + random_.Below(4)));
      if (random_.Chance(20)) {
        stage.selection = {.kind = fleet::Selection::Kind::kNameContains, .contains = "1"};
      }
      stage.rolls_back = random_.Chance(80);
      stage.handles[random_.Below(kHandlesMax)] = true;
      if (random_.Chance(30)) stage.handles.fill(true);
    }
    return stages;
  }

  void OneEvent() {
    const uint64_t kind = random_.Below(100);
    if (kind < 45) {
      NodeStep(random_.Below(nodes_.size()));
    } else if (kind < 65) {
      Ask(random_.Below(store_.devices()));
    } else if (kind < 83) {
      if (!waiting_.empty()) Deliver(random_.Below(waiting_.size()), random_.Chance(30));
    } else if (kind < 90) {
      store_.Start(random_.Below(store_.stages()));
    } else if (kind < 93) {
      store_.Stop(random_.Below(store_.stages()));
    } else {
      Disturb(nodes_[random_.Below(nodes_.size())]);
    }
  }

  void Disturb(Node& node) {
    if (random_.Chance(50)) {
      node.frozen_until = now_ + static_cast<int64_t>(random_.Below(4 * kTtl));
    } else if (random_.Chance(50)) {
      node = {.skew = node.skew};  // it starts again and remembers nothing
    } else {
      node.skew = static_cast<int64_t>(random_.Below(4 * kTtl)) - 2 * kTtl;
    }
  }

  // One transaction or one read of a node, as LeasedLoop and StageAdvancer make them.
  void NodeStep(size_t index) {
    Node& node = nodes_[index];
    if (now_ < node.frozen_until) return;
    const int64_t clock = now_ + node.skew;
    if (node.stage) {
      const size_t stage = *std::exchange(node.stage, std::nullopt);
      store_.Advance(stage, node.read, node.token);
    } else if (node.token == 0) {
      if (!store_.AcquireLease(static_cast<int>(index), clock, kTtl)) return;
      node.token = store_.lease().token;
      node.renewed = clock;
    } else if (clock - node.renewed >= kTtl / 3 || clock < node.renewed) {
      if (!store_.RenewLease(node.token, clock, kTtl)) node.token = 0;
      node.renewed = clock;
    } else if (const auto moving = store_.Moving()) {
      node.stage = moving;
      node.read = store_.stage(*moving);
    }
  }

  void Ask(size_t device) {
    for (const Offer& offer : store_.PickUp(device)) {
      if (waiting_.size() + 2 > kReportsWaitingMax) return;
      Report report{.device = device, .deployment = offer.deployment, .stage = offer.stage};
      report.succeeded = random_.Chance(75);
      waiting_.push_back(report);
      // It works, and some time later the device goes back by itself.
      if (!report.succeeded || !random_.Chance(10)) continue;
      report.succeeded = false;
      waiting_.push_back(report);
    }
  }

  void Deliver(size_t index, bool again) {
    const Report report = waiting_[index];
    store_.Record(report);
    if (again) return;
    waiting_[index] = waiting_.back();
    waiting_.pop_back();
  }

  bool Quiet() {
    if (store_.Moving() || !waiting_.empty()) return false;
    for (size_t i = 0; i < store_.stages(); ++i) {
      if (store_.stage(i).state.counts.pending > 0) return false;
    }
    return true;
  }

  Random random_;
  ModelStore store_;
  std::vector<Node> nodes_;
  std::vector<Report> waiting_;  // reports on their way
  int64_t now_ = 1000;
};

}  // namespace

Outcome RunRollouts(uint64_t seed, Mutation mutation) { return Simulation(seed, mutation).Run(); }

}  // namespace kedge::simulation
