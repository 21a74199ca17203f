// Alarm levels and names.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <gtest/gtest.h>
#include <vector>

#include "stats/evidence/alarm_budget.h"
#include "stats/evidence/e_benjamini_hochberg.h"

namespace kedge::stats {
namespace {

TEST(AlarmBudget, ThresholdIsTheNumberOfStepsPerFalseAlarm) {
  EXPECT_DOUBLE_EQ(AlarmThreshold(1), 2592000);  // one in 30 days at 1 Hz
  EXPECT_DOUBLE_EQ(AlarmThreshold(1.0 / 230), 2592000.0 / 230);
  EXPECT_DOUBLE_EQ(AlarmThreshold(1, {.alarms = 2}), 1296000);
  EXPECT_DOUBLE_EQ(AlarmThreshold(1e-9), 1);
}

TEST(FleetLevel, IsHalfOfEach) {
  EXPECT_DOUBLE_EQ(FleetLevel(2, 0), kAlarmLevel);
  EXPECT_DOUBLE_EQ(FleetLevel(0, 2), kAlarmLevel);
  EXPECT_DOUBLE_EQ(MeanEvidence(std::vector<double>{4, 0}, 4), 1);
  EXPECT_DOUBLE_EQ(MeanEvidence({}, 0), 0);
}

TEST(NameByEvidence, TakesTheLargestSetThatClearsItsBar) {
  struct Case {
    const char* name;
    std::vector<double> e_values;
    int64_t hypotheses;
    int64_t named;
  };
  // With fdr 0.05 and K hypotheses the k-th largest must reach 20 K / k.
  for (const Case& c : {
           Case{"none", {}, 10, 0},
           Case{"all small", {1, 2, 19}, 3, 0},
           Case{"one large enough", {1, 60, 2}, 3, 1},
           Case{"one just too small", {1, 59, 2}, 3, 0},
           Case{"two help each other", {30, 30, 0}, 3, 2},
           Case{"the largest alone would fail", {45, 31, 0}, 3, 2},
           Case{"those not listed count", {60, 60}, 100, 0},
           Case{"ties are named together", {20, 20, 20}, 3, 3},
           Case{"infinite", {HUGE_VAL, 0}, 1000000, 1},
       }) {
    SCOPED_TRACE(c.name);
    const Discoveries found = NameByEvidence(c.e_values, c.hypotheses, 0.05);
    EXPECT_EQ(found.count, c.named);
    int64_t above = 0;
    for (const double e : c.e_values) above += e >= found.threshold ? 1 : 0;
    EXPECT_EQ(above, c.named);
  }
}

TEST(NameByEvidence, TakesThePairsOfALargeFleet) {
  std::vector<double> e_values(1280000, 0.5);
  for (int i = 0; i < 400; ++i) e_values[i * 3000] = 1e6;
  const Discoveries found = NameByEvidence(e_values, static_cast<int64_t>(e_values.size()), 0.05);
  EXPECT_EQ(found.count, 400);
  EXPECT_EQ(found.threshold, 1e6);
}

}  // namespace
}  // namespace kedge::stats
