// SPDX-License-Identifier: Apache-2.0
#include "stats/counts/report.h"

#include <functional>
#include <gtest/gtest.h>
#include <random>

#include "stats/counts/block_code.h"

namespace kedge::stats {
namespace {

using Random = std::mt19937_64;

// `samples` values that fall into the bins as the baseline's quantiles say.
void Fill(std::span<uint32_t> bins, uint64_t samples, Random& random) {
  std::discrete_distribution<size_t> bin(kExpectedPerMille.begin(), kExpectedPerMille.end());
  for (uint64_t i = 0; i < samples; ++i) ++bins[bin(random)];
}

ModelReport Usual(size_t features, uint64_t samples, Random& random) {
  ModelReport model{.model_name = "resnet8",
                    .model_version = "1.0",
                    .window_begin_s = 1'790'000'000,
                    .window_s = 60,
                    .counts = ReportCounts(std::vector<FeatureShape>(features)),
                    .evidence = std::vector<uint8_t>(features, 33),
                    .moments = {}};
  for (uint8_t& byte : model.baseline) byte = static_cast<uint8_t>(random());
  model.counts.samples = samples;
  for (size_t i = 0; i < features; ++i) Fill(model.counts.bins(i), samples, random);
  return model;
}

// Everything that the format can say.
ModelReport Rich(Random& random) {
  ModelReport model = Usual(2, 1000, random);
  model.alarm = true;
  model.counts = ReportCounts(
      std::vector<FeatureShape>{{},
                                {.strided = true},
                                {.bins = 3, .categorical = true},
                                {.bins = kCategoryBinsMax, .categorical = true, .strided = true},
                                {}});
  model.counts.samples = 1000;
  model.counts.mismatched = 7;
  model.evidence = {0, 1, 128, 254, 255};
  for (uint32_t& cell : model.counts.cells())
    cell = static_cast<uint32_t>(random() >> (40 + random() % 24));
  model.moments.resize(5);
  std::normal_distribution<double> normal;
  for (int i = 0; i < 50; ++i) model.moments[1].Observe(normal(random), 0.5, kMomentUnit);
  model.moments[2].Observe(-1e9, 0, kMomentUnit);
  return model;
}

StatisticsReport Report(std::vector<ModelReport> models) {
  return {.boot = 0x0123456789abcdef, .sequence = 300, .models = std::move(models)};
}

TEST(StatisticsReport, ReadsBackWhatWasWritten) {
  Random random(1);
  for (int round = 0; round < 300; ++round) {
    SCOPED_TRACE(round);
    const StatisticsReport report =
        Report({Usual(random() % 9, random() % 3000, random), Rich(random)});
    const auto bytes = EncodeReport(report);
    ASSERT_TRUE(bytes) << bytes.error().message;
    const auto back = DecodeReport(*bytes);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, report);
  }
}

TEST(StatisticsReport, OfAFeatureFarFromItsBaselineReadsBack) {
  Random random(2);
  for (size_t bin = 0; bin < kNumericBins; ++bin) {
    for (const uint32_t samples : {1u, 20u, 1000u, 86'400u, 2'147'483'647u}) {
      ModelReport model = Usual(1, 0, random);
      model.counts.samples = samples;
      model.counts.bins(0)[bin] = samples;
      const auto bytes = EncodeReport(Report({model}));
      ASSERT_TRUE(bytes);
      EXPECT_LT(bytes->size(), 130u);
      const auto back = DecodeReport(*bytes);
      ASSERT_TRUE(back) << back.error().message;
      EXPECT_EQ(back->models[0], model);
    }
  }
}

// The promise of the format: a heartbeat of 64 features in 1 KB and of 128 in 2 KB, even as text.
TEST(StatisticsReport, Of64FeaturesFitsInOneKilobyteOfText) {
  Random random(3);
  for (int round = 0; round < 20; ++round) {
    const auto of_64 = EncodeReportText(Report({Usual(64, 1000, random)}));
    const auto of_128 = EncodeReportText(Report({Usual(128, 1000, random)}));
    ASSERT_TRUE(of_64 && of_128);
    EXPECT_LE(of_64->size(), 1024u);
    EXPECT_LE(of_128->size(), 2048u);
  }
}

// One text for all versions of this program: what version 1 wrote is read for ever.
TEST(StatisticsReport, HasTheBytesOfTheFormat) {
  ModelReport model{
      .model_name = "m",
      .model_version = "1",
      .window_begin_s = 100,
      .window_s = 60,
      .counts = ReportCounts(std::vector<FeatureShape>{{}, {.bins = 3, .categorical = true}}),
      .evidence = {32, 0},
      .moments = {}};
  model.counts.samples = 4;
  model.counts.bins(0)[7] = 4;
  model.counts.bins(1)[0] = 4;
  const auto bytes = EncodeReport({.boot = 1, .sequence = 2, .models = {model}});
  ASSERT_TRUE(bytes);
  // 0: numeric; 00100000 evidence; 1: plain; seven bins of 0 (1), 00101 = 4, seven bins of 0;
  // 1: special; 1 categorical; 000011 bins; 0 no stride; 0 no checks; 0 values as samples;
  // 00000000 evidence; 00101 = 4; 1 = 0; zeros to the end of the byte.
  EXPECT_EQ(HexEncode(*bytes),
            "01"
            "0100000000000000"
            "02"
            "01"
            "016d"
            "0131" +
                std::string(64, '0') +
                "64"
                "3c"
                "04"
                "00"
                "00"
                "02"
                "107f97fe18002c");
}

struct Damage {
  const char* name;
  std::function<void(ByteBuffer&)> change;
  Code code;
};

TEST(StatisticsReport, RefusesWhatTheFormatDoesNotAllow) {
  Random random(4);
  const auto good = EncodeReport(Report({Usual(4, 100, random)}));
  ASSERT_TRUE(good);
  const size_t name = 1 + 8 + 2 + 1;  // version, boot, sequence 300, models
  const size_t flags = name + 8 + 4 + 32 + 5 + 1 + 1 + 1;
  const std::vector<Damage> cases = {
      {"empty", [](ByteBuffer& b) { b.clear(); }, Code::kInvalidArgument},
      {"version", [](ByteBuffer& b) { b[0] = 2; }, Code::kUnimplemented},
      {"longer than allowed", [](ByteBuffer& b) { b.resize(kReportBytesMax + 1); },
       Code::kResourceExhausted},
      {"truncated", [](ByteBuffer& b) { b.pop_back(); }, Code::kInvalidArgument},
      {"byte behind", [](ByteBuffer& b) { b.push_back(0); }, Code::kInvalidArgument},
      {"sequence not in its shortest form",
       [](ByteBuffer& b) {
         b[10] = 0x80;
         b.insert(b.begin() + 11, 0);
       },
       Code::kInvalidArgument},
      {"too many models", [](ByteBuffer& b) { b[11] = 65; }, Code::kResourceExhausted},
      {"no name", [&](ByteBuffer& b) { b[name] = 0; }, Code::kInvalidArgument},
      {"name too long", [&](ByteBuffer& b) { b[name] = 64; }, Code::kResourceExhausted},
      {"name not printable", [&](ByteBuffer& b) { b[name + 1] = 7; }, Code::kInvalidArgument},
      {"flags", [&](ByteBuffer& b) { b[flags] = 4; }, Code::kInvalidArgument},
      {"fewer features", [&](ByteBuffer& b) { b[flags + 1] = 3; }, Code::kInvalidArgument},
      {"more features", [&](ByteBuffer& b) { b[flags + 1] = 20; }, Code::kInvalidArgument},
  };
  for (const Damage& damage : cases) {
    SCOPED_TRACE(damage.name);
    ByteBuffer bytes = *good;
    damage.change(bytes);
    const auto report = DecodeReport(bytes);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, damage.code) << report.error().message;
  }
}

// Every flipped bit is refused or gives another report that can be written.
TEST(StatisticsReport, FlippedBitsGiveSoundReportsOrErrors) {
  Random random(5);
  const auto good = EncodeReport(Report({Usual(3, 200, random), Rich(random)}));
  ASSERT_TRUE(good);
  for (size_t bit = 0; bit < good->size() * 8; ++bit) {
    ByteBuffer bytes = *good;
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
    const auto report = DecodeReport(bytes);
    if (!report) continue;
    const auto again = EncodeReport(*report);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(*DecodeReport(*again), *report);
  }
}

TEST(StatisticsReport, WriterRefusesWhatItCannotSay) {
  Random random(6);
  const ModelReport good = Usual(2, 100, random);
  const auto code = [](ModelReport model) {
    const auto bytes = EncodeReport(Report({std::move(model)}));
    return bytes ? Code::kOk : bytes.error().code;
  };
  EXPECT_EQ(code(good), Code::kOk);
  ModelReport model = good;
  model.model_name.clear();
  EXPECT_EQ(code(model), Code::kInvalidArgument);
  model = good;
  model.evidence.pop_back();
  EXPECT_EQ(code(model), Code::kInvalidArgument);
  model = good;
  model.window_begin_s = -1;
  EXPECT_EQ(code(model), Code::kInvalidArgument);
  model = good;
  model.counts.samples = kReportSamplesMax + 1;
  EXPECT_EQ(code(model), Code::kResourceExhausted);
  model = good;
  model.counts.bins(0)[0] = UINT32_MAX;
  EXPECT_EQ(code(model), Code::kResourceExhausted);
  model = good;
  model.moments.resize(2);
  model.moments[0].sum = 5;
  EXPECT_EQ(code(model), Code::kInvalidArgument);
  EXPECT_FALSE(EncodeReport(Report(std::vector<ModelReport>(kReportModelsMax + 1, good))));
}

}  // namespace
}  // namespace kedge::stats
