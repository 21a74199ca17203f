// SPDX-License-Identifier: Apache-2.0
#include "server/drift/counts.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace kedge::server {
namespace {

SubjectCounts Sample() {
  SubjectCounts counts;
  counts.counts = stats::MergedCounts(
      {{.bins = 16}, {.bins = 3, .categorical = true}, {.bins = 16, .strided = true}});
  counts.counts.samples = 1'000'000'000'000;
  uint64_t value = 0;
  for (uint64_t& cell : counts.counts.cells()) {
    ++value;
    cell = value * value * value;
  }
  counts.moments.resize(3);
  counts.moments[0] = {.values = 5, .sum = -123456789, .sum_squares = 42, .min = -7, .max = 9};
  counts.moments[2].sum = static_cast<stats::Int128>(-1) << 90;
  counts.moments[2].sum_squares = static_cast<stats::Uint128>(1) << 100;
  return counts;
}

TEST(StoredCounts, AreReadAsTheyWereWritten) {
  const SubjectCounts counts = Sample();
  const auto read = ReadCounts(WriteCounts(counts));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->counts, counts.counts);
  EXPECT_EQ(read->moments, counts.moments);
  EXPECT_EQ(ReadCounts("")->counts.features(), 0u);
}

TEST(StoredCounts, AddUp) {
  SubjectCounts sum;
  ASSERT_TRUE(sum.Add(Sample()));
  ASSERT_TRUE(sum.Add(Sample()));
  EXPECT_EQ(sum.counts.samples, 2 * Sample().counts.samples);
  EXPECT_EQ(sum.counts.cells()[3], 2 * Sample().counts.cells()[3]);
  SubjectCounts other;
  other.counts = stats::MergedCounts(std::vector<stats::FeatureShape>{{.bins = 16}});
  other.moments.resize(1);
  EXPECT_FALSE(sum.Add(other));
}

TEST(StoredCounts, DamagedOnesAreRefused) {
  const std::string text = WriteCounts(Sample());
  const ByteBuffer bytes = *Base64Decode(text);
  for (size_t n = 1; n < bytes.size(); ++n) {
    const ByteBuffer cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
    EXPECT_FALSE(ReadCounts(Base64Encode(cut))) << n;
  }
  EXPECT_FALSE(ReadCounts("!"));
  EXPECT_FALSE(ReadCounts(Base64Encode(ByteBuffer{2, 0, 0, 0})));
}

}  // namespace
}  // namespace kedge::server
