// Merging is exact: whatever the order, the grouping, the duplicates and the losses on the way,
// what arrived is what is counted.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <gtest/gtest.h>
#include <random>
#include <set>

#include "stats/counts/counts.h"

namespace kedge::stats {
namespace {

using Random = std::mt19937_64;

std::vector<FeatureShape> SomeShapes() {
  return {{},
          {.strided = true},
          {.bins = 5, .categorical = true},
          {.bins = kCategoryBinsMax, .categorical = true, .strided = true}};
}

struct Piece {
  ReportCounts counts;
  std::vector<Moments> moments;
};

Piece RandomPiece(Random& random) {
  Piece piece{.counts = ReportCounts(SomeShapes()), .moments = {}};
  for (uint32_t& cell : piece.counts.cells())
    cell = static_cast<uint32_t>(random() >> (32 + random() % 32));
  piece.counts.samples = random() >> 33;
  piece.moments.resize(piece.counts.features());
  std::normal_distribution<double> normal;
  for (Moments& moments : piece.moments) {
    for (uint64_t i = random() % 20; i > 0; --i)
      moments.Observe(normal(random) * std::pow(10, static_cast<double>(random() % 8)), 0.25, 256);
  }
  return piece;
}

struct Total {
  MergedCounts counts{SomeShapes()};
  std::vector<Moments> moments = std::vector<Moments>(SomeShapes().size());

  template <class Other>
  void Add(const Other& other) {
    ASSERT_TRUE(counts.Add(other.counts));
    for (size_t i = 0; i < moments.size(); ++i) moments[i].Add(other.moments[i]);
  }
  friend bool operator==(const Total&, const Total&) = default;
};

// Merges pieces[begin, end) as a random tree.
Total MergeTree(const std::vector<Piece>& pieces, size_t begin, size_t end, Random& random) {
  Total total;
  if (end - begin <= 2) {
    for (size_t i = begin; i < end; ++i) total.Add(pieces[i]);
    return total;
  }
  const size_t middle = begin + 1 + random() % (end - begin - 1);
  total = MergeTree(pieces, begin, middle, random);
  total.Add(MergeTree(pieces, middle, end, random));
  return total;
}

TEST(MergeAlgebra, EveryOrderAndGroupingGivesTheSameBits) {
  Random random(1);
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE(round);
    std::vector<Piece> pieces;
    for (uint64_t i = random() % 30 + 1; i > 0; --i) pieces.push_back(RandomPiece(random));
    Total one_by_one;
    for (const Piece& piece : pieces) one_by_one.Add(piece);
    std::shuffle(pieces.begin(), pieces.end(), random);
    EXPECT_EQ(MergeTree(pieces, 0, pieces.size(), random), one_by_one);
  }
}

TEST(MergeAlgebra, ZeroIsNeutralAndTwoCommute) {
  Random random(2);
  for (int round = 0; round < 100; ++round) {
    const Piece a = RandomPiece(random), b = RandomPiece(random);
    Total only_a, with_zero, ab, ba;
    only_a.Add(a);
    with_zero.Add(a);
    with_zero.Add(Total());
    EXPECT_EQ(only_a, with_zero);
    ab.Add(a);
    ab.Add(b);
    ba.Add(b);
    ba.Add(a);
    EXPECT_EQ(ab, ba);
  }
}

// Reports are sent again until they are acknowledged, and acknowledgements get lost. Counted once
// by (boot, sequence), the total is that of the reports of which at least one copy arrived.
TEST(MergeAlgebra, RedeliveryAndLossCountWhatArrivedOnce) {
  Random random(3);
  for (int round = 0; round < 100; ++round) {
    SCOPED_TRACE(round);
    std::vector<Piece> pieces;
    for (int i = 0; i < 20; ++i) pieces.push_back(RandomPiece(random));
    std::vector<size_t> deliveries;
    for (size_t i = 0; i < pieces.size(); ++i) {
      for (uint64_t copies = random() % 4; copies > 0; --copies) deliveries.push_back(i);
    }
    std::shuffle(deliveries.begin(), deliveries.end(), random);
    std::set<size_t> known;
    Total received, expected;
    for (const size_t i : deliveries) {
      if (known.insert(i).second) received.Add(pieces[i]);
    }
    for (const size_t i : known) expected.Add(pieces[i]);
    EXPECT_EQ(received, expected);
  }
}

TEST(MergeAlgebra, MomentsOfPartsAreMomentsOfTheWhole) {
  Random random(4);
  std::normal_distribution<double> normal(5, 2);
  Moments whole, left, right;
  for (int i = 0; i < 10'000; ++i) {
    const double value = normal(random);
    whole.Observe(value, 5, kMomentUnit / 2.0);
    (i % 3 == 0 ? left : right).Observe(value, 5, kMomentUnit / 2.0);
  }
  right.Add(left);
  EXPECT_EQ(whole, right);
  EXPECT_NEAR(whole.Mean(), 0, 0.05);  // five standard errors
  EXPECT_NEAR(whole.Deviation(), 1, 0.04);
}

TEST(MergeAlgebra, MomentsSaturateInsteadOfOverflowing) {
  Moments moments;
  for (const double value : {1e300, -1e300, 0.0}) moments.Observe(value, 0, 1e10);
  EXPECT_EQ(moments.max, kMomentMax);
  EXPECT_EQ(moments.min, -kMomentMax);
  EXPECT_EQ(moments.values, 3u);
  EXPECT_TRUE(moments.sum == 0);
}

TEST(MergeAlgebra, CountsOfOtherFeaturesAreRefused) {
  MergedCounts counts(SomeShapes());
  const Status status = counts.Add(ReportCounts(std::vector<FeatureShape>(4)));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kInvalidArgument);
}

TEST(Bins, ACutBelongsToTheBinAboveIt) {
  Cuts cuts;
  for (size_t i = 0; i < kCuts; ++i) cuts[i] = static_cast<double>(i);
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(BinOf(cuts, -infinity), 0u);
  EXPECT_EQ(BinOf(cuts, -0.001), 0u);
  EXPECT_EQ(BinOf(cuts, infinity), 15u);
  for (size_t i = 0; i < kCuts; ++i) {
    EXPECT_EQ(BinOf(cuts, cuts[i]), i + 1);
    EXPECT_EQ(BinOf(cuts, cuts[i] + 0.5), i + 1);
  }
}

TEST(Bins, EqualCutsLeaveEmptyBinsBetweenThem) {
  Random random(5);
  for (int round = 0; round < 1000; ++round) {
    Cuts cuts;
    for (double& cut : cuts) cut = static_cast<double>(random() % 6);
    std::sort(cuts.begin(), cuts.end());
    const double x = static_cast<double>(random() % 14) / 2 - 0.5;
    const auto expected = std::count_if(cuts.begin(), cuts.end(), [x](double c) { return c <= x; });
    EXPECT_EQ(BinOf(cuts, x), static_cast<size_t>(expected));
  }
}

}  // namespace
}  // namespace kedge::stats
