// SPDX-License-Identifier: Apache-2.0
#include "server/monitoring/schedule.h"

#include <gtest/gtest.h>

namespace kedge::server {
namespace {

EpochMs At(const std::string& text) { return ParseIso8601(text + ":00Z").value_or(-1); }
std::string Text(EpochMs time) { return FormatIso8601(time).substr(0, 16); }

TEST(ParseScheduleExpression, TakesTheServicesForms) {
  struct Case {
    const char* text;
    ScheduleRule rule;
  };
  const Case cases[] = {{"NOW", {.once = true}},
                        {"cron(0 * ? * * *)", {.first_hour = 0, .every_hours = 1}},
                        {"cron(0 12 ? * * *)", {.first_hour = 12, .every_hours = 24}},
                        {"cron(0 07 ? * * *)", {.first_hour = 7, .every_hours = 24}},
                        {"cron(0 17/6 ? * * *)", {.first_hour = 17, .every_hours = 6}}};
  for (const Case& one : cases) {
    const auto rule = ParseScheduleExpression(one.text);
    ASSERT_TRUE(rule) << one.text;
    EXPECT_EQ(*rule, one.rule) << one.text;
  }
}

TEST(ParseScheduleExpression, RefusesTheRest) {
  for (const char* text :
       {"", "now", "cron()", "cron(0 24 ? * * *)", "cron(0 1/0 ? * * *)", "cron(0 1/25 ? * * *)",
        "cron(5 * ? * * *)", "cron(0 * * * ? *)", "cron(0 a ? * * *)", "rate(1 hour)",
        "cron(0 1- ? * * *)", "cron(0  ? * * *)"}) {
    EXPECT_EQ(ParseScheduleExpression(text).error().code, Code::kInvalidArgument) << text;
  }
}

TEST(NextSlot, IsTheNextHourOfTheRule) {
  struct Case {
    const char* expression;
    const char* after;
    const char* next;
    const char* before;  // the slot before it
  };
  const Case cases[] = {
      {"cron(0 * ? * * *)", "2026-11-28T21:10", "2026-11-28T22:00", "2026-11-28T21:00"},
      {"cron(0 * ? * * *)", "2026-11-28T21:00", "2026-11-28T22:00", "2026-11-28T21:00"},
      {"cron(0 12 ? * * *)", "2026-11-28T21:10", "2026-11-29T12:00", "2026-11-28T12:00"},
      {"cron(0 9/6 ? * * *)", "2026-11-28T21:10", "2026-11-29T09:00", "2026-11-28T21:00"},
      {"cron(0 9/6 ? * * *)", "2026-11-28T10:00", "2026-11-28T15:00", "2026-11-28T09:00"},
      {"NOW", "2026-11-28T21:10", "2026-11-28T21:10", "2026-11-28T20:10"}};
  for (const Case& one : cases) {
    SCOPED_TRACE(std::string(one.expression) + " " + one.after);
    const auto rule = ParseScheduleExpression(one.expression);
    const EpochMs next = NextSlot(*rule, At(one.after));
    EXPECT_EQ(Text(next), one.next);
    EXPECT_EQ(Text(SlotBefore(*rule, next)), one.before);
  }
}

TEST(NewestSlot, DoesNotMakeUpForAllThatWereMissed) {
  const ScheduleRule hourly;
  EXPECT_EQ(Text(NewestSlot(hourly, At("2026-11-28T10:00"), At("2026-11-28T14:30"))),
            "2026-11-28T14:00");
  const ScheduleRule daily{.first_hour = 10, .every_hours = 24};
  EXPECT_EQ(Text(NewestSlot(daily, At("2026-11-28T10:00"), At("2026-11-28T14:30"))),
            "2026-11-28T10:00");
}

TEST(ParseTimeOffset, ReadsDurations) {
  EXPECT_EQ(*ParseTimeOffset("-PT1H"), -3'600'000);
  EXPECT_EQ(*ParseTimeOffset("P1DT12H30M5S"), 131'405'000);
  EXPECT_EQ(*ParseTimeOffset("PT0H"), 0);
  for (const char* text : {"", "P", "PT", "1H", "PT1", "P1H", "PTT1H", "-P-1D", "P400D", "PT1X"}) {
    EXPECT_FALSE(ParseTimeOffset(text)) << text;
  }
}

TEST(HourFolder, IsUtc) { EXPECT_EQ(HourFolder(At("2026-11-28T21:10")), "2026/11/28/21"); }

}  // namespace
}  // namespace kedge::server
