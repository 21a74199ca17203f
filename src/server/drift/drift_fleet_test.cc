// A large fleet against the real server, in simulated time: 0.25 deviations on 1 % of 1,000
// devices, 60 samples a minute each. `scripts/soak statistics` measures delays over many runs; here
// one seed keeps the whole way, from monitors over heartbeats to the alarm, in sight.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "server/drift/testing/fleet_of_monitors.h"

namespace kedge::server {
namespace {

constexpr int kDevices = 1'000;
constexpr int kShifted = 10;
constexpr int kAlarmMinutesMax = 10;
constexpr int kNamedMinutesMax = 22;

double ShiftOfTen(int device, size_t, double draw) {
  return device < kShifted ? draw + 0.25 : draw;
}

TEST(DriftOfAFleet, AQuarterDeviationOnOnePercentIsFoundAndNamed) {
  auto server = TestServer::Make();
  ASSERT_TRUE(server) << server.error().message;
  FleetOfMonitors fleet(**server,
                        {.features = 1, .devices = kDevices, .tolerance = 0.02, .seed = 11});
  int alarm_minute = 0;
  int named_minute = 0;
  for (int minute = 1; minute <= kNamedMinutesMax && named_minute == 0; ++minute) {
    (*server)->clock().Advance(std::chrono::minutes(1));
    fleet.Beat(60, ShiftOfTen);
    fleet.Judge();
    const json::Value drift = (*server)->Must("DescribeDrift", fleet.Request());
    const json::Value& model = *drift.Find("Model");
    if (alarm_minute == 0 && model.StringOr("State", "") == "ALARM") alarm_minute = minute;
    const json::Value devices =
        (*server)->Must("ListDriftDevices", fleet.Request(R"("NamedOnly":true)"));
    int right = 0;
    for (const json::Value& device : *devices.Find("Devices")->AsArray()) {
      right += device.StringOr("DeviceName", "") < fleet.Name(kShifted) ? 1 : 0;
    }
    if (right >= kShifted * 9 / 10) named_minute = minute;
  }
  RecordProperty("alarm_minute", alarm_minute);
  RecordProperty("named_minute", named_minute);
  EXPECT_GT(alarm_minute, 0);
  EXPECT_LE(alarm_minute, kAlarmMinutesMax);
  EXPECT_GT(named_minute, 0) << "nine of ten are not named after " << kNamedMinutesMax
                             << " minutes";
}

}  // namespace
}  // namespace kedge::server
