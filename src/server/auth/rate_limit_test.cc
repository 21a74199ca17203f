// SPDX-License-Identifier: Apache-2.0
#include "server/auth/rate_limit.h"

#include <gtest/gtest.h>

#include "base/testing/fake_clock.h"

namespace kedge::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(RateLimit, GivesABurstAndThenTheRate) {
  FakeClock clock;
  RateLimit limit({.per_second = 10, .burst = 20}, clock);
  int taken = 0;
  while (limit.Take("ann")) ++taken;
  EXPECT_EQ(taken, 20);
  EXPECT_TRUE(limit.Take("bob"));
  clock.Advance(milliseconds(99));
  EXPECT_FALSE(limit.HasToken("ann"));
  clock.Advance(milliseconds(1));
  EXPECT_TRUE(limit.HasToken("ann"));
  EXPECT_TRUE(limit.Take("ann"));
  EXPECT_FALSE(limit.Take("ann"));
  clock.Advance(seconds(3600));
  for (taken = 0; limit.Take("ann");) ++taken;
  EXPECT_EQ(taken, 20);
}

TEST(RateLimit, ZeroIsNoLimit) {
  FakeClock clock;
  RateLimit limit({.per_second = 0, .burst = 0}, clock);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(limit.Take("ann"));
  EXPECT_EQ(limit.size(), 0u);
}

TEST(RateLimit, AFullTableForgetsOnlyWhoIsRestedAndLoosensNothing) {
  FakeClock clock;
  RateLimit limit({.per_second = 1, .burst = 2, .names_max = 8}, clock);
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(limit.Take("n" + std::to_string(i)));
  // All eight have used something: the ninth and all after it share one bucket.
  EXPECT_TRUE(limit.Take("n8"));
  EXPECT_TRUE(limit.Take("n9"));
  EXPECT_FALSE(limit.Take("n10"));
  EXPECT_TRUE(limit.Take("n3"));
  EXPECT_FALSE(limit.Take("n3"));
  EXPECT_LE(limit.size(), 9u);
  clock.Advance(seconds(2));
  EXPECT_TRUE(limit.Take("n11"));
  EXPECT_LE(limit.size(), 9u);
}

TEST(Backoff, DoublesTheWaitUpToItsBound) {
  FakeClock clock;
  Backoff backoff(3, clock);
  for (int i = 0; i < 3; ++i) backoff.NoteFailure("ann");
  EXPECT_EQ(backoff.Wait("ann"), seconds(0));
  for (const int wait : {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900}) {
    backoff.NoteFailure("ann");
    EXPECT_EQ(backoff.Wait("ann"), seconds(wait));
    EXPECT_EQ(backoff.Wait("bob"), seconds(0));
    clock.Advance(seconds(wait) - milliseconds(1));
    EXPECT_EQ(backoff.Wait("ann"), seconds(1));
    clock.Advance(milliseconds(1));
    EXPECT_EQ(backoff.Wait("ann"), seconds(0));
  }
}

TEST(Backoff, ASuccessOrAnHourBeginsAnew) {
  FakeClock clock;
  Backoff backoff(0, clock);
  for (int i = 0; i < 5; ++i) backoff.NoteFailure("ann");
  backoff.NoteSuccess("ann");
  EXPECT_EQ(backoff.Wait("ann"), seconds(0));
  for (int i = 0; i < 5; ++i) backoff.NoteFailure("ann");
  clock.Advance(Backoff::kForgottenAfter);
  backoff.NoteFailure("ann");
  EXPECT_EQ(backoff.Wait("ann"), seconds(1));
}

TEST(Backoff, FillingTheTableFreesNobody) {
  FakeClock clock;
  Backoff backoff(0, clock);
  backoff.NoteFailure("ann");
  for (size_t i = 0; i < 2 * Backoff::kNamesMax; ++i) {
    backoff.NoteFailure("n" + std::to_string(i));
  }
  EXPECT_LE(backoff.size(), Backoff::kNamesMax + 1);
  EXPECT_EQ(backoff.Wait("ann"), seconds(1));
  EXPECT_GT(backoff.Wait("somebody new"), seconds(1));
}

}  // namespace
}  // namespace kedge::server
