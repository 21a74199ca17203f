// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/day_budget.h"

#include <gtest/gtest.h>
#include <map>
#include <random>

#include "base/testing/faulty_file_system.h"

namespace kedge::agent {
namespace {

constexpr EpochMs kDayMs = 86'400'000;
constexpr EpochMs kNoon = 20'000 * kDayMs + kDayMs / 2;

class DayBudgetTest : public testing::Test {
 protected:
  TemporaryDirectory folder_ = *TemporaryDirectory::Make();
  PosixFileSystem disk_;
  const Path file_ = folder_.path() / "budget.json";
};

TEST_F(DayBudgetTest, EndsWithTheRecordsOrTheBytesAndBeginsAnewTheNextDay) {
  DayBudget budget(disk_, file_, {.records = 3, .bytes = 100});
  ASSERT_TRUE(budget.Open(kNoon));
  EXPECT_TRUE(budget.Take(kNoon, 60));
  EXPECT_FALSE(budget.Take(kNoon, 41)) << "101 bytes";
  EXPECT_TRUE(budget.Take(kNoon, 40));
  EXPECT_TRUE(budget.Take(kNoon, 0));
  EXPECT_FALSE(budget.Take(kNoon, 0)) << "a fourth record";
  EXPECT_EQ(budget.spent(), (CaptureAmount{3, 100}));
  EXPECT_FALSE(budget.Take(kNoon - 2 * kDayMs, 0)) << "a clock that was set back";
  EXPECT_TRUE(budget.Take(kNoon + kDayMs, 60));
}

TEST_F(DayBudgetTest, IsNeverExceededByAnyNumberOfKills) {
  constexpr CaptureAmount kMax{.records = 50, .bytes = 5'000};
  for (const uint64_t seed : {1, 2, 3, 4}) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    ASSERT_TRUE(disk_.Remove(file_));
    std::map<int64_t, CaptureAmount> taken;  // by day
    auto budget = std::make_unique<DayBudget>(disk_, file_, kMax);
    EpochMs now = kNoon;
    ASSERT_TRUE(budget->Open(now));
    for (int i = 0; i < 3'000; ++i) {
      now += static_cast<EpochMs>(random() % 200'000);
      if (random() % 40 == 0) {  // killed: nothing is written, what was claimed is what counts
        budget = std::make_unique<DayBudget>(disk_, file_, kMax);
        ASSERT_TRUE(budget->Open(now));
      }
      const auto bytes = static_cast<int64_t>(random() % 300);
      if (!budget->Take(now, bytes)) continue;
      CaptureAmount& day = taken[now / kDayMs];
      ++day.records;
      day.bytes += bytes;
    }
    EXPECT_GT(taken.size(), 2u);
    for (const auto& [day, amount] : taken) {
      EXPECT_LE(amount.records, kMax.records) << day;
      EXPECT_LE(amount.bytes, kMax.bytes) << day;
      EXPECT_GT(amount.records, 3) << "the budget is of use in spite of the kills, day " << day;
    }
  }
}

TEST_F(DayBudgetTest, AClockThatWasFarAheadCostsOneDay) {
  const CaptureAmount most{.records = 3, .bytes = 100};
  {
    DayBudget budget(disk_, file_, most);
    ASSERT_TRUE(budget.Open(kNoon + 30'000 * kDayMs));
    EXPECT_TRUE(budget.Take(kNoon + 30'000 * kDayMs, 1));
    EXPECT_FALSE(budget.Take(kNoon, 1)) << "the clock is right again";
    EXPECT_TRUE(budget.Take(kNoon + kDayMs, 1));
  }
  ASSERT_TRUE(disk_.WriteAtomically(
      file_, AsBytes(std::string_view(R"({"day":50000,"records":1,"bytes":1})")), 0600));
  DayBudget budget(disk_, file_, most);
  ASSERT_TRUE(budget.Open(kNoon));
  EXPECT_FALSE(budget.Take(kNoon, 1));
  EXPECT_TRUE(budget.Take(kNoon + kDayMs, 1));
}

TEST_F(DayBudgetTest, ADamagedFileIsASpentDay) {
  for (const char* text : {"", "{", "[]", R"({"day":1})", R"({"day":-1,"records":0,"bytes":0})"}) {
    SCOPED_TRACE(text);
    ASSERT_TRUE(disk_.WriteAtomically(file_, AsBytes(std::string_view(text)), 0600));
    DayBudget budget(disk_, file_, {.records = 3, .bytes = 100});
    ASSERT_TRUE(budget.Open(kNoon));
    EXPECT_FALSE(budget.Take(kNoon, 1));
    EXPECT_TRUE(budget.Take(kNoon + kDayMs, 1));
  }
}

TEST_F(DayBudgetTest, NothingIsTakenThatCannotBeClaimed) {
  DayBudget budget(disk_, folder_.path() / "absent" / "budget.json", {.records = 3, .bytes = 100});
  ASSERT_TRUE(budget.Open(kNoon));
  EXPECT_FALSE(budget.Take(kNoon, 1));
  EXPECT_EQ(budget.spent(), CaptureAmount{});
}

}  // namespace
}  // namespace kedge::agent
