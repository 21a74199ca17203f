// SPDX-License-Identifier: Apache-2.0
#include "stats/quality/label_free.h"

#include <cmath>
#include <gtest/gtest.h>

namespace kedge::stats {
namespace {

// Two classes, three score bins; accuracy 0.6, 0.8 and 0.96 in the bins, 0.82 in all of 1,000 rows.
QualityReference TwoClasses() {
  return {.classes = 2,
          .score_bins = 3,
          .confusion = {540, 120, 60, 280},  // predicted 0: 540 right, 120 wrong
          .score_by_class = {100, 200, 300, 150, 150, 100},
          .score_correct = {150, 280, 390}};
}

TEST(QualityReference, RefusesTablesThatContradictEachOther) {
  struct Case {
    const char* name;
    void (*spoil)(QualityReference&);
  };
  const Case cases[] = {
      {"one class", [](QualityReference& r) { r.classes = 1; }},
      {"one score bin", [](QualityReference& r) { r.score_bins = 1; }},
      {"short confusion matrix", [](QualityReference& r) { r.confusion.pop_back(); }},
      {"no rows", [](QualityReference& r) { r.confusion = {0, 0, 0, 0}; }},
      {"rows differ", [](QualityReference& r) { ++r.score_by_class[0]; }},
      {"more right than rows", [](QualityReference& r) { r.score_correct[0] = 251; }},
  };
  EXPECT_TRUE(Validate(TwoClasses()).has_value());
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    QualityReference reference = TwoClasses();
    c.spoil(reference);
    const Status status = Validate(reference);
    ASSERT_FALSE(status.has_value());
    EXPECT_EQ(status.error().code, Code::kInvalidArgument);
  }
}

TEST(EstimateByConfidence, WeighsTheBinsByLiveSamples) {
  const std::vector<uint64_t> live = {100, 0, 300};
  const QualityEstimate estimate = EstimateByConfidence(TwoClasses(), live);
  EXPECT_NEAR(estimate.value, (100 * 0.6 + 300 * 0.975) / 400, 1e-12);
  EXPECT_LT(estimate.lower, estimate.value);
  EXPECT_GT(estimate.upper, estimate.value);
  const QualityEstimate nothing =
      EstimateByConfidence(TwoClasses(), std::vector<uint64_t>{0, 0, 0});
  EXPECT_EQ(nothing.lower, 0);
  EXPECT_EQ(nothing.upper, 1);
}

TEST(EstimateByConfidence, GivesABinWithoutRowsItsNeighboursShare) {
  QualityReference reference = TwoClasses();
  reference.score_by_class = {200, 0, 400, 200, 0, 200};
  reference.score_correct = {240, 0, 540};
  EXPECT_NEAR(EstimateByConfidence(reference, std::vector<uint64_t>{0, 9, 0}).value,
              (0.6 + 0.9) / 2, 1e-12);
}

TEST(EstimateByClasses, InvertsTheConfusionMatrix) {
  // True mix 20 % class 0: predictions are 0.2 * 0.9 + 0.8 * 0.3 = 0.42 class 0; accuracy 0.2 * 0.9
  // + 0.8 * 0.7 = 0.74.
  const auto shift = EstimateByClasses(TwoClasses(), std::vector<uint64_t>{4200, 5800},
                                       std::vector<uint64_t>{3333, 3667, 3000});
  ASSERT_TRUE(shift.has_value());
  EXPECT_NEAR(shift->weights[0], 0.2 / 0.6, 1e-9);
  EXPECT_NEAR(shift->weights[1], 0.8 / 0.4, 1e-9);
  EXPECT_NEAR(shift->accuracy.value, 0.74, 1e-9);
  EXPECT_LT(shift->accuracy.lower, 0.74);
}

TEST(EstimateByClasses, KeepsWeightsFromGoingNegative) {
  // More class 0 than even pure class 0 would be predicted.
  const auto shift = EstimateByClasses(TwoClasses(), std::vector<uint64_t>{990, 10},
                                       std::vector<uint64_t>{10, 20, 970});
  ASSERT_TRUE(shift.has_value());
  EXPECT_GE(shift->weights[0], 0);
  EXPECT_EQ(shift->weights[1], 0);
  EXPECT_LE(shift->accuracy.upper, 1);
}

TEST(EstimateByClasses, NamesWhatItCannotDo) {
  QualityReference same = TwoClasses();
  same.confusion = {300, 200, 300, 200};
  EXPECT_EQ(EstimateByClasses(same, std::vector<uint64_t>{5, 5}, std::vector<uint64_t>{3, 3, 4})
                .error()
                .code,
            Code::kFailedPrecondition);
  EXPECT_EQ(
      EstimateByClasses(TwoClasses(), std::vector<uint64_t>{0, 0}, std::vector<uint64_t>{0, 0, 0})
          .error()
          .code,
      Code::kFailedPrecondition);
  EXPECT_EQ(EstimateByClasses(TwoClasses(), std::vector<uint64_t>{1, 2, 3},
                              std::vector<uint64_t>{1, 2, 3})
                .error()
                .code,
            Code::kInvalidArgument);
  EXPECT_EQ(
      EstimateAccuracy(TwoClasses(), std::vector<uint64_t>{1, 2, 3}, std::vector<uint64_t>{1, 2, 3})
          .error()
          .code,
      Code::kInvalidArgument);
}

TEST(EstimateAccuracy, ChoosesTheEstimateThatTheCountsAllow) {
  struct Case {
    const char* name;
    std::vector<uint64_t> classes, scores;
    Shift shift;
    double accuracy;
  };
  for (const Case& c : {
           Case{"as the reference", {660, 340}, {250, 350, 400}, Shift::kNone, 0.82},
           // Class 0 is half, not 0.6, of the samples; scores follow as its mixture.
           Case{"another mix", {4200, 5800}, {3333, 3667, 3000}, Shift::kLabel, 0.74},
           // Scores worsen, classes do not.
           Case{"other inputs",
                {6600, 3400},
                {6000, 3000, 1000},
                Shift::kCovariate,
                0.6 * 0.6 + 0.3 * 0.8 + 0.1 * 0.975},
       }) {
    SCOPED_TRACE(c.name);
    const auto estimate = EstimateAccuracy(TwoClasses(), c.classes, c.scores);
    ASSERT_TRUE(estimate.has_value());
    EXPECT_EQ(estimate->shift, c.shift);
    EXPECT_NEAR(estimate->accuracy.value, c.accuracy, 1e-3);
  }
}

TEST(EstimateAccuracy, SaysWhenTheReferenceHasNothingToSay) {
  QualityReference reference = TwoClasses();
  reference.score_by_class = {0, 300, 300, 0, 300, 100};
  reference.score_correct = {0, 430, 390};
  const auto estimate = EstimateAccuracy(reference, std::vector<uint64_t>{660, 340},
                                         std::vector<uint64_t>{200, 400, 400});
  ASSERT_TRUE(estimate.has_value());
  EXPECT_TRUE(estimate->outside);
  EXPECT_NE(estimate->reason.find("no reference row backs"), std::string::npos);
}

}  // namespace
}  // namespace kedge::stats
