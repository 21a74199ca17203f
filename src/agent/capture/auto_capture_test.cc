// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/auto_capture.h"

#include <cmath>
#include <gtest/gtest.h>
#include <map>

namespace kedge::agent {
namespace {

TEST(AutoCapture, TakesEachReasonAsOftenAsItsProbabilitySays) {
  struct Case {
    const char* name;
    CapturePolicy policy;
    Observation observation;
    double probability;  // of any
    CaptureReason first;
    double first_share;  // of all inferences
  };
  const Case cases[] = {
      {"only the floor", {.floor = 0.1, .drift = 0.5}, {}, 0.1, CaptureReason::kFloor, 0.1},
      {"drift beside the floor",
       {.floor = 0.1, .drift = 0.5},
       {.drift = true},
       0.55,
       CaptureReason::kDrift,
       0.45},

      {"novel", {.novel = 0.25}, {.novel = true}, 0.25, CaptureReason::kNovel, 0.25},
      {"a margin below the limit",
       {.uncertain = 0.3, .uncertain_margin = 0.2},
       {.margin = 0.1},
       0.3,
       CaptureReason::kUncertain,
       0.3},
      {"a margin at the limit",
       {.uncertain = 1, .uncertain_margin = 0.2},
       {.margin = 0.2},
       0,
       CaptureReason::kUncertain,
       0},
      {"no margin", {.uncertain = 1, .uncertain_margin = 0.2}, {}, 0, CaptureReason::kUncertain, 0},
      {"nothing", {}, {.drift = true, .novel = true, .margin = 0.0}, 0, CaptureReason::kDrift, 0},
      {"always", {.floor = 1}, {}, 1, CaptureReason::kFloor, 1},
  };
  constexpr int kRuns = 40'000;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    AutoCapture capture(7);
    FloorDraw floor(8);
    std::map<CaptureReason, int> taken;
    int all = 0;
    for (int i = 0; i < kRuns; ++i) {
      Observation observation = c.observation;
      observation.floor = floor(c.policy.floor);
      const auto choice = capture.Choose(c.policy, observation);
      if (!choice) continue;
      ++all;
      ++taken[choice->reason];
      EXPECT_NEAR(choice->probability, c.probability, 1e-12);
    }
    // Five standard deviations of a binomial share.
    const auto tolerance = [](double p) { return 5 * std::sqrt(p * (1 - p) / kRuns) + 1e-12; };
    EXPECT_NEAR(static_cast<double>(all) / kRuns, c.probability, tolerance(c.probability));
    EXPECT_NEAR(static_cast<double>(taken[c.first]) / kRuns, c.first_share,
                tolerance(c.first_share));
  }
}

TEST(AutoCapture, WeightsByTheProbabilityGiveTheStreamsMean) {
  // Half of the stream is drifting and captured more often; a third of all is looked at. Weighted,
  // its share is a half.
  constexpr CapturePolicy kPolicy{.floor = 0.02, .drift = 0.2};
  constexpr double kLooked = 1.0 / 3;
  AutoCapture capture(11);
  FloorDraw floor(12), looked(13);
  double weight_drifting = 0, weight_all = 0;
  int taken_drifting = 0, taken = 0;
  for (int i = 0; i < 300'000; ++i) {
    const Observation observation{
        .floor = floor(kPolicy.floor), .look_share = kLooked, .drift = i % 2 == 1};
    if (!observation.floor && !looked(kLooked)) continue;
    const auto choice = capture.Choose(kPolicy, observation);
    if (!choice) continue;
    ++taken;
    weight_all += 1 / choice->probability;
    if (!observation.drift) continue;
    ++taken_drifting;
    weight_drifting += 1 / choice->probability;
  }
  EXPECT_GT(taken_drifting, 0.7 * taken);
  EXPECT_NEAR(weight_drifting / weight_all, 0.5, 0.03);
  EXPECT_NEAR(weight_all / 300'000, 1, 0.05) << "weights add up to the stream";
}

}  // namespace
}  // namespace kedge::agent
