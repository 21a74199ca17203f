// A fleet without drift: how often does it alarm?
//
// Every device has one feature at 1 Hz. It steps its e-detector on every stride-th sample and
// reports each minute: one byte of evidence and the counts since the last acknowledged report. The
// network loses reports and acknowledgements, delivers copies, and delivers late ones after newer
// ones; the server counts each (device, sequence) once. Once a minute it steps the merged counts'
// detector and adds the mean over devices. Three kinds of alarm are counted:
//   device  evidence of one device reaches the budget's threshold
//   fleet   half the merged level plus half the mean level of the codes reaches 1
// After an alarm the scope restarts, as after an acknowledgement.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace kedge::statistics {

struct QuietFleet {
  const char* name = "";
  double correlation = 0;  // of successive seconds, AR(1)
  double season = 0;       // amplitude of a daily sine in deviations of the noise
  int baseline_days = 7;   // at 1 Hz
  double loss = 0.05;      // of requests, and as many acknowledgements
  double late = 0.02;      // of requests, by 1 to 30 minutes
};

struct QuietResult {
  int stride = 0;
  double tolerance = 0;
  double season_share = 0;
  int64_t steps = 0;
  int64_t device_alarms = 0;
  int64_t fleet_alarms = 0;
  int64_t duplicates = 0;  // reports that were dropped as already counted
  int64_t lost = 0;
};

// Runs `devices` devices for `days` days; the same seed gives the same result.
QuietResult RunQuietFleet(const QuietFleet& fleet, int devices, int days, uint64_t seed);

}  // namespace kedge::statistics
