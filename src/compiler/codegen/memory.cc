// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/memory.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"

namespace kedge::compiler {
namespace {

struct Life {
  int64_t first = -1, last = -1;  // steps
  bool Overlaps(const Life& other) const { return first <= other.last && other.first <= last; }
};

uint64_t AlignUp(uint64_t bytes) { return (bytes + kBufferAlign - 1) & ~(kBufferAlign - 1); }

std::vector<Life> FindLives(const Plan& plan) {
  std::vector<Life> lives(plan.buffers.size());
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    auto touch = [&](const BufferRef& operand) {
      Life& life = lives[static_cast<size_t>(operand.buffer)];
      if (life.first < 0) life.first = static_cast<int64_t>(i);
      life.last = static_cast<int64_t>(i);
    };
    for (const BufferRef& operand : plan.steps[i].writes) touch(operand);
    for (const BufferRef& operand : plan.steps[i].reads) touch(operand);
  }
  return lives;
}

// Buffers that are one place in memory. Lives of the members are joined in the representative.
class Groups {
 public:
  Groups(const Plan& plan, std::vector<Life> lives) : lives_(std::move(lives)) {
    parents_.resize(plan.buffers.size());
    std::iota(parents_.begin(), parents_.end(), 0);
    for (size_t i = 0; i < plan.steps.size(); ++i) {
      if (plan.steps[i].in_place) Merge(plan, static_cast<int64_t>(i));
    }
  }
  size_t Find(size_t buffer) const {
    while (parents_[buffer] != buffer) buffer = parents_[buffer];
    return buffer;
  }
  const Life& life(size_t representative) const { return lives_[representative]; }

 private:
  void Merge(const Plan& plan, int64_t at) {
    const Step& step = plan.steps[static_cast<size_t>(at)];
    const BufferRef &to = step.writes[0], &from = step.reads[0];
    const Buffer& output = plan.buffers[static_cast<size_t>(to.buffer)];
    const Buffer& input = plan.buffers[static_cast<size_t>(from.buffer)];
    if (output.kind != BufferKind::kArena || input.kind != BufferKind::kArena) return;
    if (to.offset != 0 || from.offset != 0 || output.bytes != input.bytes) return;
    const size_t a = Find(static_cast<size_t>(from.buffer));
    const size_t b = Find(static_cast<size_t>(to.buffer));
    if (a == b || lives_[a].last != at || lives_[b].first != at) return;
    // No other operand of the step may be the same place.
    for (size_t i = 1; i < step.reads.size(); ++i) {
      if (Find(static_cast<size_t>(step.reads[i].buffer)) == a) return;
    }
    parents_[b] = a;
    lives_[a].last = lives_[b].last;
  }

  std::vector<size_t> parents_;
  std::vector<Life> lives_;
};

// The lowest offset at which `bytes` fit between the placed ranges (sorted by offset here).
uint64_t LowestGap(std::vector<std::pair<uint64_t, uint64_t>>& taken, uint64_t bytes) {
  std::sort(taken.begin(), taken.end());
  uint64_t at = 0;
  for (const auto& [begin, end] : taken) {
    if (at + bytes <= begin) break;
    at = std::max(at, AlignUp(end));
  }
  return at;
}

void PlaceArena(Plan& plan) {
  const Groups groups(plan, FindLives(plan));
  std::vector<size_t> order;
  for (size_t i = 0; i < plan.buffers.size(); ++i) {
    const bool used = groups.life(i).first >= 0;
    if (plan.buffers[i].kind == BufferKind::kArena && groups.Find(i) == i && used) {
      order.push_back(i);
    }
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return plan.buffers[a].bytes > plan.buffers[b].bytes;
  });

  std::vector<size_t> placed;
  for (size_t buffer : order) {
    std::vector<std::pair<uint64_t, uint64_t>> taken;
    for (size_t other : placed) {
      if (!groups.life(buffer).Overlaps(groups.life(other))) continue;
      taken.emplace_back(plan.buffers[other].offset,
                         plan.buffers[other].offset + plan.buffers[other].bytes);
    }
    plan.buffers[buffer].offset = LowestGap(taken, plan.buffers[buffer].bytes);
    plan.arena_bytes = std::max(plan.arena_bytes,
                                AlignUp(plan.buffers[buffer].offset + plan.buffers[buffer].bytes));
    placed.push_back(buffer);
  }
  for (size_t i = 0; i < plan.buffers.size(); ++i) {
    plan.buffers[i].offset = plan.buffers[groups.Find(i)].offset;
  }
}

// In the order of use, so that a run streams through weights.bin; what no step reads is left out.
void PlaceWeights(Plan& plan) {
  std::vector<bool> done(plan.buffers.size());
  for (const Step& step : plan.steps) {
    for (const BufferRef& operand : step.reads) {
      Buffer& buffer = plan.buffers[static_cast<size_t>(operand.buffer)];
      if (buffer.kind != BufferKind::kWeights || done[static_cast<size_t>(operand.buffer)]) {
        continue;
      }
      done[static_cast<size_t>(operand.buffer)] = true;
      buffer.offset = plan.weights_bytes;
      plan.weights_bytes += AlignUp(buffer.bytes);
    }
  }
}

}  // namespace

void PlanMemory(Plan& plan) {
  plan.arena_bytes = 0;
  plan.weights_bytes = 0;
  PlaceArena(plan);
  PlaceWeights(plan);
}

}  // namespace kedge::compiler
