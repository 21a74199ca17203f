// SPDX-License-Identifier: Apache-2.0
#include "stats/baseline/baseline.h"

#include <functional>
#include <gtest/gtest.h>

#include "stats/baseline/testing/sample_baseline.h"

namespace kedge::stats {
namespace {

TEST(Baseline, ReadsBackWhatWasWritten) {
  const Baseline baseline = testing::RichBaseline();
  ASSERT_TRUE(CheckBaseline(baseline)) << CheckBaseline(baseline).error().message;
  const std::string text = WriteBaseline(baseline);
  const auto back = ParseBaseline(text);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, baseline);
  EXPECT_EQ(WriteBaseline(*back), text);
}

TEST(Baseline, HasOneIdForOneText) {
  EXPECT_EQ(ToHex(BaselineIdOf("")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Baseline, OfAnotherFormatVersionIsNamed) {
  std::string text = WriteBaseline(testing::RichBaseline());
  const size_t at = text.find("\"format\":1");
  text.replace(at, 10, "\"format\":2");
  const auto baseline = ParseBaseline(text);
  ASSERT_FALSE(baseline);
  EXPECT_EQ(baseline.error().code, Code::kUnimplemented);
  EXPECT_NE(baseline.error().message.find('2'), std::string::npos);
}

struct TextDamage {
  const char* name;
  const char* from;
  const char* to;
};

TEST(Baseline, IsReadInItsCanonicalFormOnly) {
  const std::string text = WriteBaseline(testing::RichBaseline());
  const std::vector<TextDamage> cases = {
      {"space", "\"rows\":", "\"rows\": "},
      {"unknown member", "\"rows\":", "\"remark\":1,\"rows\":"},
      {"member missing", "\"rows\":", "\"rowz\":"},
      {"string for a number", "\"stride\":1", "\"stride\":\"1\""},
      {"negative count", "\"nulls\":0", "\"nulls\":-1"},
      {"other role", "\"role\":\"columns\"", "\"role\":\"sound\""},
      {"other statistic", "\"statistic\":\"column\"", "\"statistic\":\"row\""},
      {"other side", "\"side\":\"input\"", "\"side\":\"inside\""},
      {"other type", "\"dtype\":\"f32\"", "\"dtype\":\"f31\""},
      {"longer number", "\"tolerance\":0.05", "\"tolerance\":0.050"},
  };
  for (const TextDamage& damage : cases) {
    SCOPED_TRACE(damage.name);
    std::string damaged = text;
    const size_t at = damaged.find(damage.from);
    ASSERT_NE(at, std::string::npos);
    damaged.replace(at, std::string_view(damage.from).size(), damage.to);
    const auto baseline = ParseBaseline(damaged);
    ASSERT_FALSE(baseline);
    EXPECT_EQ(baseline.error().code, Code::kInvalidArgument) << baseline.error().message;
  }
  const auto large = ParseBaseline(std::string(kBaselineBytesMax + 1, ' '));
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, Code::kResourceExhausted);
}

struct Contradiction {
  const char* name;
  std::function<void(Baseline&)> change;
  Code code = Code::kInvalidArgument;
};

TEST(Baseline, ThatContradictsItselfIsRefused) {
  const std::vector<Contradiction> cases = {
      {"no rows", [](Baseline& b) { b.rows = 0; }},
      {"name twice", [](Baseline& b) { b.features[1].name = b.features[0].name; }},
      {"no name", [](Baseline& b) { b.features[0].name.clear(); }},
      {"name not printable", [](Baseline& b) { b.features[0].name = "a\nb"; }},
      {"cuts fall", [](Baseline& b) { std::swap(b.features[0].cuts[0], b.features[0].cuts[9]); }},
      {"cut is NaN", [](Baseline& b) { b.features[0].cuts[3] = NAN; }},
      {"deviation 0", [](Baseline& b) { b.features[0].deviation = 0; }},
      {"range upside down", [](Baseline& b) { b.features[0].min = b.features[0].max + 1; }},
      {"15 counts", [](Baseline& b) { b.features[0].counts.pop_back(); }},
      {"counts all 0", [](Baseline& b) { b.features[0].counts.assign(kNumericBins, 0); }},
      {"too many values", [](Baseline& b) { b.features[0].counts[0] = kBaselineRowsMax + 1; },
       Code::kResourceExhausted},
      {"tolerance 0", [](Baseline& b) { b.features[0].tolerance = 0; }},
      {"tolerance 2", [](Baseline& b) { b.features[0].tolerance = 2; }},
      {"stride 0", [](Baseline& b) { b.features[0].stride = 0; }},
      {"season without effect", [](Baseline& b) { b.features[0].season->explained = 0; }},
      {"numeric with categories", [](Baseline& b) { b.features[0].categories = {"a"}; }},
      {"category twice",
       [](Baseline& b) { b.features[1].known_others = {b.features[1].categories[0]}; }},
      {"no category",
       [](Baseline& b) {
         b.features[1].categories.clear();
         b.features[1].counts = {1, 1};
       }},
      {"class that is numeric",
       [](Baseline& b) { b.features[0].use = {.tensor = 1, .statistic = Statistic::kClass}; }},
      {"argument out of range", [](Baseline& b) { b.features[0].use.argument = 99; }},
      {"confusion not square", [](Baseline& b) { b.quality->confusion[0].pop_back(); }},
      {"more right than rows",
       [](Baseline& b) { b.quality->calibration_right[3] = b.quality->calibration_rows[3] + 1; }},
      {"too many features", [](Baseline& b) { b.features.resize(kFeaturesMax + 1, b.features[0]); },
       Code::kResourceExhausted},
  };
  for (const Contradiction& contradiction : cases) {
    SCOPED_TRACE(contradiction.name);
    Baseline baseline = testing::RichBaseline();
    contradiction.change(baseline);
    const Status status = CheckBaseline(baseline);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, contradiction.code) << status.error().message;
  }
}

}  // namespace
}  // namespace kedge::stats
