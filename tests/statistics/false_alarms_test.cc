// Programme (a), false alarms: 1,000 device-years a row at full size, 4 in ctest.
// SPDX-License-Identifier: Apache-2.0
#include "statistics/false_alarms.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <gtest/gtest.h>

#include "statistics/binned_stream.h"

namespace kedge::statistics {
namespace {

constexpr double kDaysPerPeriod = 30;
constexpr double kAlarmsMost = 1.2;  // a period, at 95 % confidence

class FalseAlarms : public testing::TestWithParam<QuietFleet> {};

TEST_P(FalseAlarms, StayWithinTheBudget) {
  const QuietFleet& fleet = GetParam();
  // The exposure of the fleet as a whole must be long enough to say anything: three periods at
  // least.
  // KEDGE_STATISTICS_MODELS: fewer than the ten models of 100 device-years that full size takes.
  const char* fewer = std::getenv("KEDGE_STATISTICS_MODELS");
  const int models = !FullSize() ? 2 : fewer == nullptr ? 10 : std::max(1, std::atoi(fewer));
  const int devices = FullSize() ? 100 : 8;
  const int days = FullSize() ? 365 : 90;
  QuietResult sum;
  for (int m = 0; m < models; ++m) {
    const QuietResult r = RunQuietFleet(fleet, devices, days, 1000 + m);
    sum.stride = r.stride;
    sum.tolerance = r.tolerance;
    sum.season_share = r.season_share;
    sum.steps += r.steps;
    sum.device_alarms += r.device_alarms;
    sum.fleet_alarms += r.fleet_alarms;
    sum.duplicates += r.duplicates;
    sum.lost += r.lost;
  }
  const double fleet_periods = models * days / kDaysPerPeriod;
  const double device_periods = fleet_periods * devices;
  const double device_bound = PoissonUpperBound(sum.device_alarms, device_periods);
  const double fleet_bound = PoissonUpperBound(sum.fleet_alarms, fleet_periods);
  std::printf("| %s | %.0f | %d | %.3f | %.2e | %lld | %.4f | %lld | %.4f |\n", fleet.name,
              static_cast<double>(models) * devices * days / 365, sum.stride, sum.tolerance,
              static_cast<double>(sum.steps), static_cast<long long>(sum.device_alarms),
              device_bound, static_cast<long long>(sum.fleet_alarms), fleet_bound);
  std::fflush(stdout);
  EXPECT_GT(sum.duplicates, 0);
  EXPECT_GT(sum.lost, 0);
  EXPECT_LE(device_bound, kAlarmsMost);
  EXPECT_LE(fleet_bound, kAlarmsMost);
}

INSTANTIATE_TEST_SUITE_P(
    Streams, FalseAlarms,
    testing::Values(QuietFleet{.name = "independent"},
                    QuietFleet{.name = "AR(1) 0.5", .correlation = 0.5},
                    QuietFleet{.name = "AR(1) 0.9", .correlation = 0.9},
                    QuietFleet{.name = "AR(1) 0.99", .correlation = 0.99},
                    QuietFleet{.name = "daily season, amplitude 1", .season = 1},
                    QuietFleet{.name = "daily season, amplitude 0.3", .season = 0.3},
                    QuietFleet{.name = "season 1 and AR(1) 0.9", .correlation = 0.9, .season = 1}));

}  // namespace
}  // namespace kedge::statistics
