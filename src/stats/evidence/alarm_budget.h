// From a budget ("one false alarm a model in 30 days") to thresholds, and from many pieces of
// evidence to one.
//
// Evidence of every source is divided by the steps that the source makes in the budget's period:
// its level. While nothing has changed the expectation of a level grows by at most 1 a period
// whatever the source (a device's samples at 1 Hz, one at stride 230, the windows of merged
// counts), so levels may be averaged with fixed weights, and a level that reaches 1 is an alarm
// that keeps the budget.
//
// A model's level on one device is the mean over its features; a fleet's is half that of the merged
// counts, half the mean over devices. The merged half sees what is small and everywhere, the mean
// what is large in one place; having both costs log 2 of evidence. The mean holds under any
// dependence of devices and features. The merged half takes samples of different devices in one
// window for independent. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

namespace kedge::stats {

struct AlarmBudget {
  double alarms = 1;  // false ones allowed in the period
  double period_s = 30.0 * 24 * 3600;
};

inline constexpr double kAlarmLevel = 1;    // an alarm opens at this level
inline constexpr double kWatchLevel = 0.1;  // worth looking at

// Evidence at which a source that makes `steps_per_s` steps reaches kAlarmLevel: the steps per
// false alarm, at least 1.
inline double AlarmThreshold(double steps_per_s, const AlarmBudget& budget = {}) {
  const double steps = steps_per_s * budget.period_s / budget.alarms;
  return steps > 1 ? steps : 1;
}

// Mean of evidence or levels, 0 for none. Members that have not reported count as 0 in `members`,
// their number fixed beforehand: `values.size()` at least.
inline double MeanEvidence(std::span<const double> values, double members) {
  double sum = 0;
  for (const double value : values) sum += value;
  return members > 0 ? sum / members : 0;
}

// A fleet's level from the level of its merged counts and the mean level of its devices.
inline double FleetLevel(double merged, double mean_of_devices) {
  return 0.5 * merged + 0.5 * mean_of_devices;
}

}  // namespace kedge::stats
