// When a monitoring schedule runs, and over which inferences.
//
// The service takes a small part of the AWS cron syntax, in UTC: `NOW`, `cron(0 * ? * * *)` every
// hour, `cron(0 H ? * * *)` every day at hour H, and `cron(0 H/N ? * * *)` at H and every N hours
// after it on the same day. A slot is such a time. An execution looks at what was inferred since
// the slot before, unless the input names offsets. Example: cron(0 9/6 ? * * *) has slots at 9, 15
// and 21; the execution of 9 looks at 21 to 9. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace kedge::server {

struct ScheduleRule {
  bool once = false;
  int first_hour = 0;   // 0..23
  int every_hours = 1;  // 1..24
  friend bool operator==(const ScheduleRule&, const ScheduleRule&) = default;
};

// kInvalidArgument says what is taken.
Result<ScheduleRule> ParseScheduleExpression(std::string_view text);
// The first slot after the time; of a rule that runs once the time itself.
EpochMs NextSlot(const ScheduleRule& rule, EpochMs after);
// The last slot before the slot; of a rule that runs once an hour before.
EpochMs SlotBefore(const ScheduleRule& rule, EpochMs slot);
// The newest slot that is not after `now`, from a slot that is not either. A server that was down
// does not make up for every slot.
EpochMs NewestSlot(const ScheduleRule& rule, EpochMs due, EpochMs now);

// An ISO 8601 duration of days, hours, minutes and seconds with an optional sign, as "-PT1H" or
// "P1DT12H", in milliseconds. kInvalidArgument; at most 366 days.
Result<int64_t> ParseTimeOffset(std::string_view text);

// "2026/11/28/21": the folder of an hour.
std::string HourFolder(EpochMs time);

}  // namespace kedge::server
