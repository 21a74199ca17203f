// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/memory.h"

#include <gtest/gtest.h>
#include <random>

namespace kedge::compiler {
namespace {

BufferId AddArena(Plan& plan, uint64_t bytes) {
  plan.buffers.push_back({.kind = BufferKind::kArena, .bytes = bytes});
  return static_cast<BufferId>(plan.buffers.size() - 1);
}

Step StepOf(std::vector<BufferId> writes, std::vector<BufferId> reads, bool in_place = false) {
  Step step;
  for (BufferId id : writes) step.writes.push_back({id, 0});
  for (BufferId id : reads) step.reads.push_back({id, 0});
  step.in_place = in_place;
  return step;
}

// Runs the plan over tags instead of numbers: each byte of the arena says which buffer wrote it
// last. True if every read finds its own buffer's bytes, or those of the buffer it was merged with.
bool ReadsFindWhatWasWritten(const Plan& plan) {
  std::vector<BufferId> owner(plan.arena_bytes, -1);
  for (const Step& step : plan.steps) {
    for (const BufferRef& read : step.reads) {
      const Buffer& buffer = plan.buffers[static_cast<size_t>(read.buffer)];
      for (uint64_t i = 0; i < buffer.bytes; ++i) {
        if (owner[buffer.offset + i] != read.buffer) return false;
      }
    }
    for (const BufferRef& write : step.writes) {
      const Buffer& buffer = plan.buffers[static_cast<size_t>(write.buffer)];
      for (uint64_t i = 0; i < buffer.bytes; ++i) owner[buffer.offset + i] = write.buffer;
    }
  }
  return true;
}

// Buffers of one step must not overlap each other, but for an in-place pair.
bool OperandsAreDisjoint(const Plan& plan) {
  for (const Step& step : plan.steps) {
    std::vector<BufferRef> all = step.writes;
    all.insert(all.end(), step.reads.begin(), step.reads.end());
    for (size_t i = 0; i < all.size(); ++i) {
      for (size_t j = i + 1; j < all.size(); ++j) {
        const Buffer& a = plan.buffers[static_cast<size_t>(all[i].buffer)];
        const Buffer& b = plan.buffers[static_cast<size_t>(all[j].buffer)];
        const bool pair = step.in_place && i == 0 && j == step.writes.size();
        if (all[i].buffer == all[j].buffer || pair) continue;
        if (a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes) return false;
      }
    }
  }
  return true;
}

TEST(Memory, DisjointLivesShareBytes) {
  Plan plan;
  const BufferId a = AddArena(plan, 100), b = AddArena(plan, 100), c = AddArena(plan, 100);
  plan.steps = {StepOf({a}, {}), StepOf({b}, {a}), StepOf({c}, {b}), StepOf({}, {c})};
  PlanMemory(plan);
  EXPECT_EQ(plan.arena_bytes, 256u);
  EXPECT_EQ(plan.buffers[static_cast<size_t>(a)].offset,
            plan.buffers[static_cast<size_t>(c)].offset);
  EXPECT_TRUE(ReadsFindWhatWasWritten(plan));
}

TEST(Memory, AnInPlaceStepTakesTheBytesOfAnInputThatDies) {
  struct Row {
    const char* name;
    bool read_later;
    uint64_t arena_bytes;
  };
  for (const Row& row : {Row{"dies", false, 128}, Row{"is read later", true, 256}}) {
    SCOPED_TRACE(row.name);
    Plan plan;
    const BufferId a = AddArena(plan, 128), b = AddArena(plan, 128);
    plan.steps = {
        StepOf({a}, {}), StepOf({b}, {a}, true),
        StepOf({}, row.read_later ? std::vector<BufferId>{a, b} : std::vector<BufferId>{b})};
    PlanMemory(plan);
    EXPECT_EQ(plan.arena_bytes, row.arena_bytes);
  }
}

TEST(Memory, WeightsLieInTheOrderOfTheirUseAndUnusedOnesNowhere) {
  Plan plan;
  for (uint64_t bytes : {10, 20, 30}) {
    plan.buffers.push_back({.kind = BufferKind::kWeights, .bytes = bytes});
  }
  plan.steps = {StepOf({}, {2}), StepOf({}, {0, 2})};
  PlanMemory(plan);
  EXPECT_EQ(plan.buffers[2].offset, 0u);
  EXPECT_EQ(plan.buffers[0].offset, 64u);
  EXPECT_EQ(plan.weights_bytes, 128u);
}

TEST(Memory, RandomPlansNeverOverlap) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    Plan plan;
    std::vector<BufferId> written;
    const size_t steps = 3 + random() % 20;
    for (size_t i = 0; i < steps; ++i) {
      std::vector<BufferId> reads;
      for (size_t r = random() % 3; r > 0 && !written.empty(); --r) {
        reads.push_back(written[random() % written.size()]);
      }
      const bool in_place = !reads.empty() && random() % 2 == 0;
      const uint64_t same = reads.empty() ? 0 : plan.buffers[static_cast<size_t>(reads[0])].bytes;
      const BufferId own = AddArena(plan, in_place && random() % 4 != 0 ? same : random() % 700);
      const BufferId scratch = AddArena(plan, random() % 300);
      plan.steps.push_back(StepOf({own, scratch}, reads, in_place));
      written.push_back(own);
    }
    PlanMemory(plan);
    EXPECT_TRUE(ReadsFindWhatWasWritten(plan));
    EXPECT_TRUE(OperandsAreDisjoint(plan));
    for (const Buffer& buffer : plan.buffers) {
      EXPECT_EQ(buffer.offset % kBufferAlign, 0u);
      EXPECT_LE(buffer.offset + buffer.bytes, plan.arena_bytes);
    }
  }
}

}  // namespace
}  // namespace kedge::compiler
