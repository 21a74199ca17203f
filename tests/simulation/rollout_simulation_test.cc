// SPDX-License-Identifier: Apache-2.0
#include "simulation/rollout_simulation.h"

#include <chrono>
#include <cstdlib>
#include <gtest/gtest.h>

namespace kedge::simulation {
namespace {

constexpr uint64_t kSeeds = 20'000;  // KEDGE_ROLLOUT_SEEDS overrides it

uint64_t Seeds() {
  const char* text = std::getenv("KEDGE_ROLLOUT_SEEDS");
  return text == nullptr ? kSeeds : std::strtoull(text, nullptr, 10);
}

// The seed that is replayed alone, for a failure that was found.
std::optional<uint64_t> OnlySeed() {
  const char* text = std::getenv("KEDGE_ROLLOUT_SEED");
  if (text == nullptr) return std::nullopt;
  return std::strtoull(text, nullptr, 10);
}

TEST(Rollouts, EveryInvariantHoldsForEverySeed) {
  const uint64_t first = OnlySeed().value_or(0);
  const uint64_t count = OnlySeed() ? 1 : Seeds();
  const auto begin = std::chrono::steady_clock::now();
  size_t advances = 0;
  size_t take_overs = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const Outcome outcome = RunRollouts(seed);
    ASSERT_EQ(outcome.violation, "") << "replay: KEDGE_ROLLOUT_SEED=" << seed;
    advances += outcome.advances;
    take_overs += outcome.take_overs;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf("%llu seeds, %zu advances, %zu take-overs of the lease, %.0f seeds/s\n",
              static_cast<unsigned long long>(count), advances, take_overs,
              static_cast<double>(count) / took.count());
  if (count < 100) return;
  EXPECT_GT(advances, 4 * count);  // the simulation does what it is for
  EXPECT_GT(take_overs, 2 * count);
}

// The check can fail: without what protects a stage, violations are found soon.
TEST(Rollouts, WithoutProtectionViolationsAreFound) {
  const struct {
    const char* name;
    Mutation mutation;
  } cases[] = {
      {"no fence", {.no_fence = true}},
      {"no step", {.no_step = true}},
      {"neither", {.no_fence = true, .no_step = true}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    size_t violations = 0;
    for (uint64_t seed = 0; seed < 2'000; ++seed) {
      if (!RunRollouts(seed, c.mutation).violation.empty()) ++violations;
    }
    EXPECT_GT(violations, 10u);
    std::printf("%s: %zu of 2000 seeds violate an invariant\n", c.name, violations);
  }
}

}  // namespace
}  // namespace kedge::simulation
