// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <gtest/gtest.h>

namespace kedge {
namespace {

TEST(Clock, FormatsAndParsesBasicForm) {
  const EpochMs time = *ParseBasicIso8601("20150830T123600Z");
  EXPECT_EQ(time, 1440938160000);
  EXPECT_EQ(FormatBasicIso8601(time + 999), "20150830T123600Z");
  EXPECT_EQ(FormatIso8601(time + 7), "2015-08-30T12:36:00.007Z");
  EXPECT_EQ(FormatIso8601(-1), "1969-12-31T23:59:59.999Z");
}

TEST(Clock, RefusesTimesThatDoNotExist) {
  for (const char* bad : {"", "20150830T123600", "20150230T123600Z", "20150830T253600Z",
                          "2015083OT123600Z", "20150830t123600Z"}) {
    EXPECT_FALSE(ParseBasicIso8601(bad)) << bad;
  }
}

TEST(Clock, ReadsTheExtendedForm) {
  EXPECT_EQ(*ParseIso8601("2015-08-30T12:36:00Z"), 1440938160000);
  EXPECT_EQ(*ParseIso8601("2015-08-30T12:36:00.5Z"), 1440938160500);
  EXPECT_EQ(*ParseIso8601("2015-08-30T12:36:00.007999Z"), 1440938160007);
  for (const char* bad :
       {"", "2015-08-30 12:36:00Z", "2015-08-30T12:36:00", "2015-08-30T12:36:00.Z",
        "2015-08-30T12:36:00,5Z", "2015-02-30T12:36:00Z", "2015-08-30T12:36:00.-1Z"})
    EXPECT_FALSE(ParseIso8601(bad)) << bad;
}

}  // namespace
}  // namespace kedge
