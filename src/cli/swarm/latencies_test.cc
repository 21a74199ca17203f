// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "cli/swarm/options.h"

namespace kedge::cli {
namespace {

TEST(Latencies, QuantilesAreWithinABucketOfTheTruth) {
  Latencies latencies;
  for (int64_t i = 1; i <= 100'000; ++i) latencies.Add(i);
  EXPECT_EQ(latencies.count(), 100'000);
  EXPECT_EQ(latencies.largest(), 100'000);
  const struct {
    double share;
    int64_t want;
  } cases[] = {{0.00001, 1}, {0.5, 50'000}, {0.9, 90'000}, {0.99, 99'000}, {1.0, 100'000}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.share);
    const int64_t got = latencies.Quantile(c.share);
    EXPECT_GE(got, c.want);
    EXPECT_LE(got, c.want + c.want / 16 + 1);
  }
}

TEST(Latencies, NothingHasNoQuantile) { EXPECT_EQ(Latencies().Quantile(0.5), 0); }

TEST(Latencies, HoldsWhatIsLongerThanItsBuckets) {
  Latencies latencies;
  latencies.Add(int64_t{1} << 62);
  EXPECT_EQ(latencies.Quantile(1.0), int64_t{1} << 62);
}

}  // namespace
}  // namespace kedge::cli
