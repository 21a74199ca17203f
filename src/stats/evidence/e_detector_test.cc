// SPDX-License-Identifier: Apache-2.0
#include "stats/evidence/e_detector.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <vector>

namespace kedge::stats {
namespace {

// Counts of `rows` samples that fall exactly as kBaselineQuantiles cut.
std::vector<uint64_t> CountsAtQuantiles(double rows) {
  std::vector<uint64_t> counts;
  double before = 0;
  for (const double q : kBaselineQuantiles) {
    counts.push_back(static_cast<uint64_t>(std::lround((q - before) * rows)));
    before = q;
  }
  counts.push_back(static_cast<uint64_t>(std::lround((1 - before) * rows)));
  return counts;
}

int GaussianBin(double z) {
  static const std::vector<double> cuts = [] {
    std::vector<double> result;
    for (const double q : kBaselineQuantiles) result.push_back(NormalQuantile(q));
    return result;
  }();
  int bin = 0;
  while (bin < 15 && z >= cuts[bin]) ++bin;
  return bin;
}

struct TableCase {
  const char* name;
  std::vector<uint64_t> counts;
  BetTableOptions options;
};

std::vector<TableCase> TableCases() {
  return {
      {"default", CountsAtQuantiles(100000), {}},
      {"no tolerance", CountsAtQuantiles(100000), {.tolerance = 0}},
      {"large tolerance", CountsAtQuantiles(100000), {.tolerance = 0.5}},
      {"small reference", CountsAtQuantiles(2000), {.tolerance = 0.067}},
      {"tiny reference", {1, 3, 0, 2}, {}},
      {"correlated reference", CountsAtQuantiles(100000), {.rows = 430}},
      {"empty outer bins", {0, 0, 5000, 5000, 0}, {}},
      {"two bins", {9900, 100}, {}},
      {"constant", {0, 0, 100000, 0}, {}},
      {"equal bins", std::vector<uint64_t>(64, 1500), {}},
  };
}

TEST(BetTable, NoBetGainsUnderAnyDistributionOfTheNull) {
  for (const TableCase& c : TableCases()) {
    SCOPED_TRACE(c.name);
    const auto table = BetTable::Build(c.counts, c.options);
    ASSERT_TRUE(table.has_value());
    const NullBand band = NullBandOf(c.counts, c.options);
    double weights = 0;
    for (int k = 0; k < kBets; ++k) {
      std::vector<double> factors;
      for (size_t b = 0; b < c.counts.size(); ++b) factors.push_back(table->factors[b][k]);
      // 1 - 1/horizon, and no bet is so cautious that it could not have been larger.
      const double largest = LargestExpectation(band, factors);
      EXPECT_LE(largest, 1 - 1 / kHorizonSteps) << "bet " << k;
      EXPECT_GE(largest, 1 - 1e-4) << "bet " << k;
      weights += table->weights[k];
    }
    EXPECT_LE(weights, 1);
    EXPECT_GE(weights, 0.9999);
  }
}

TEST(BetTable, RefusesWhatIsNoReference) {
  struct Case {
    const char* name;
    std::vector<uint64_t> counts;
    BetTableOptions options;
  };
  for (const Case& c : {
           Case{"one bin", {5}, {}},
           Case{"65 bins", std::vector<uint64_t>(65, 1), {}},
           Case{"no sample", {0, 0, 0}, {}},
           Case{"negative tolerance", {1, 1}, {.tolerance = -0.1}},
           Case{"tolerance NaN", {1, 1}, {.tolerance = std::nan("")}},
           Case{"less than a row", {1, 1}, {.rows = 0.5}},
           Case{"horizon of one step", {1, 1}, {.horizon = 1}},
       }) {
    SCOPED_TRACE(c.name);
    const auto table = BetTable::Build(c.counts, c.options);
    ASSERT_FALSE(table.has_value());
    EXPECT_EQ(table.error().code, Code::kInvalidArgument);
  }
}

TEST(EDetector, SeesEachKindOfChangeWithinItsNumberOfSamples) {
  struct Case {
    const char* name;
    double mean, deviation, share;  // of samples that change
    int most;                       // samples, three times the median of tests/statistics
  };
  const auto table = BetTable::Build(CountsAtQuantiles(100000), {.tolerance = 0.02});
  ASSERT_TRUE(table.has_value());
  for (const Case& c :
       {Case{"quarter deviation", 0.25, 1, 1, 1300}, Case{"down one", -1, 1, 1, 110},
        Case{"up two", 2, 1, 1, 35}, Case{"twice as wide", 0, 2, 1, 90},
        Case{"half as wide", 0, 0.5, 1, 190}, Case{"one in ten at +3", 3, 1, 0.1, 300}}) {
    SCOPED_TRACE(c.name);
    std::mt19937_64 random(7);
    std::normal_distribution<double> normal;
    std::uniform_real_distribution<double> uniform;
    EDetector detector;
    for (int i = 0; i < 2000; ++i) detector.Step(*table, GaussianBin(normal(random)));
    EXPECT_LT(detector.Evidence(), 1e5);
    int steps = 0;
    while (detector.Evidence() < 2.592e6 && steps < 5000) {
      const bool changed = uniform(random) < c.share;
      const double z = normal(random);
      detector.Step(*table, GaussianBin(changed ? c.mean + c.deviation * z : z));
      ++steps;
    }
    EXPECT_LE(steps, c.most);
  }
}

TEST(EDetector, AWindowIsWorthTheProductOfItsSamples) {
  const auto table = BetTable::Build(CountsAtQuantiles(100000), {.tolerance = 0.05});
  ASSERT_TRUE(table.has_value());
  std::vector<uint64_t> counts(16, 0);
  counts[3] = 2;
  counts[14] = 3;
  EDetector window;
  window.StepWindow(*table, counts);
  for (int k = 0; k < kBets; ++k) {
    const double product = std::pow(table->factors[3][k], 2) * std::pow(table->factors[14][k], 3);
    EXPECT_NEAR(window.state()[k], table->weights[k] * product, 1e-5 * table->weights[k] * product);
  }
  std::vector<uint64_t> one(16, 0);
  one[5] = 1;
  EDetector single;
  EDetector stepped;
  single.StepWindow(*table, one);
  stepped.Step(*table, 5);
  EXPECT_NEAR(single.Evidence(), stepped.Evidence(), 1e-6);
}

TEST(EDetector, SaturatesAndComesDownAgain) {
  const auto table = BetTable::Build(CountsAtQuantiles(100000));
  ASSERT_TRUE(table.has_value());
  EDetector detector;
  for (int i = 0; i < 100000; ++i) detector.Step(*table, 15);
  EXPECT_TRUE(std::isfinite(detector.Evidence()));
  EXPECT_GE(detector.Evidence(), kEvidenceMax);
  std::vector<uint64_t> huge(16, 0);
  huge[15] = uint64_t{1} << 62;
  detector.StepWindow(*table, huge);
  EXPECT_TRUE(std::isfinite(detector.Evidence()));

  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  int steps = 0;
  while (detector.Evidence() > 1000 && ++steps < 200000)
    detector.Step(*table, GaussianBin(normal(random)));
  EXPECT_LT(steps, 60000);  // the slowest bet loses 0.005 nats a sample of clean data
  detector.Restart();
  EXPECT_EQ(detector.Evidence(), 0);
}

TEST(EDetector, LoadsItsStateAndTakesNonsenseForNothing) {
  std::array<float, kBets> state{};
  state[0] = 5;
  state[1] = -1;
  state[2] = std::nanf("");
  state[3] = std::numeric_limits<float>::infinity();
  EDetector detector;
  detector.Load(state);
  EXPECT_EQ(detector.state()[0], 5);
  EXPECT_EQ(detector.state()[1], 0);
  EXPECT_EQ(detector.state()[2], 0);
  EXPECT_EQ(detector.state()[3], kEvidenceMax);
}

TEST(EvidenceCode, RoundsDownAndIsStable) {
  EXPECT_EQ(EncodeEvidence(0), 0);
  EXPECT_EQ(EncodeEvidence(-1), 0);
  EXPECT_EQ(EncodeEvidence(std::nan("")), 0);
  EXPECT_EQ(EncodeEvidence(1), 32);
  EXPECT_EQ(EncodeEvidence(1e300), 255);
  EXPECT_EQ(DecodeEvidence(0), 0);
  for (int code = 1; code < 256; ++code) {
    EXPECT_EQ(EncodeEvidence(DecodeEvidence(static_cast<uint8_t>(code))), code);
  }
  for (const double evidence : {1e-5, 0.7, 3.0, 12345.678, 2.592e6, 1e20}) {
    const double decoded = DecodeEvidence(EncodeEvidence(evidence));
    EXPECT_LE(decoded, evidence * (1 + 1e-9));
    EXPECT_GE(decoded, evidence * (evidence < std::exp(-7.75) ? 0 : std::exp(-0.2501)));
  }
}

}  // namespace
}  // namespace kedge::stats
