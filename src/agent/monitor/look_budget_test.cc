// SPDX-License-Identifier: Apache-2.0
#include "agent/monitor/look_budget.h"

#include <gtest/gtest.h>

namespace kedge::agent {
namespace {

using Nanoseconds = std::chrono::nanoseconds;

TEST(LookBudget, LookingCostsTheFractionAtMost) {
  struct Case {
    const char* name;
    int64_t run_ns;
    int64_t look_ns;
    double fraction;
    double looks_low, looks_high;  // share of runs that are looked at
  };
  const Case cases[] = {
      {"a model of 3 ms, a look of 30 us", 3'000'000, 30'000, 0.01, 0.95, 1},
      {"a model of 3 ms, a look of 150 us", 3'000'000, 150'000, 0.01, 0.19, 0.2},
      {"a model of 100 us, a look of 30 us", 100'000, 30'000, 0.01, 0.032, 0.0334},
      {"a tenth of it", 100'000, 30'000, 0.001, 0.0031, 0.00334},
      {"a look that costs next to nothing", 1'000'000, 100, 0.01, 0.99, 1},
      {"nothing", 1'000'000, 100, 0, 0, 0},
  };
  constexpr int kRuns = 100'000;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    LookBudget budget(c.fraction);
    int64_t looked_ns = 0;
    int looks = 0;
    for (int i = 0; i < kRuns; ++i) {
      if (!budget.Begin(Nanoseconds(c.run_ns))) continue;
      ++looks;
      looked_ns += c.look_ns;
      budget.Done(Nanoseconds(c.look_ns));
    }
    EXPECT_LE(static_cast<double>(looked_ns),
              c.fraction * static_cast<double>(c.run_ns) * kRuns + 5.0 * 150'000);
    EXPECT_GE(static_cast<double>(looks) / kRuns, c.looks_low);
    EXPECT_LE(static_cast<double>(looks) / kRuns, c.looks_high);
  }
}

TEST(LookBudget, APeriodicStreamIsMetEverywhere) {
  // Four cameras in turn and a budget for every fourth run: each is looked at about as often.
  LookBudget budget(0.01);
  int looks[4] = {};
  constexpr int kRuns = 40'000;
  for (int i = 0; i < kRuns; ++i) {
    if (!budget.Begin(Nanoseconds(1'000'000))) continue;
    ++looks[i % 4];
    budget.Done(Nanoseconds(40'000));
  }
  for (const int count : looks) EXPECT_NEAR(count, kRuns / 16, kRuns / 80);
  EXPECT_NEAR(budget.share(), 0.25, 0.01);
}

TEST(LookBudget, ForcedLooksArePaidByLaterOnes) {
  LookBudget budget(0.01);
  int looks = 0;
  constexpr int kRuns = 10'000;
  for (int i = 0; i < kRuns; ++i) {
    const bool forced = i % 10 == 0;
    if (forced) budget.Force();
    if (!forced && !budget.Begin(Nanoseconds(1'000'000))) continue;
    ++looks;
    budget.Done(Nanoseconds(50'000));
  }
  EXPECT_LE(looks, kRuns * 9 / 10 / 5 + 5) << "earned by nine tenths of the runs";
}

TEST(LookBudget, AQuietNightIsNotSpentInTheMorning) {
  LookBudget budget(0.01);
  // One very long run earns no more than a few looks.
  int looks = budget.Begin(std::chrono::seconds(1'000)) ? 1 : 0;
  for (int i = 0; i < 1'000; ++i) looks += budget.Begin(Nanoseconds(1)) ? 1 : 0;
  EXPECT_GE(looks, 1);
  const int64_t saved = LookBudget::kFirstCostNs * LookBudget::kLooksSavedMax;
  EXPECT_LE(looks, saved / LookBudget::kFirstCostNs + 1);
}

}  // namespace
}  // namespace kedge::agent
