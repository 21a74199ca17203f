// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

#include "base/subprocess.h"
#include "cli/drift/data_set.h"
#include "cli/drift/feature_choice.h"
#include "cli/drift/judgement.h"
#include "cli/drift/labels.h"
#include "stats/baseline/testing/sample_baseline.h"
#include "tensor/npy.h"

namespace kedge::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class DriftFiles : public ::testing::Test {
 protected:
  DriftFiles() : directory_(*TemporaryDirectory::Make()) {}

  Path Write(const std::string& name, std::string_view content) {
    const Path path = directory_.path() / name;
    EXPECT_TRUE(disk_.MakeDirectories(path.parent_path(), 0755));
    EXPECT_TRUE(disk_.WriteAtomically(path, AsBytes(content), 0644));
    return path;
  }

  TemporaryDirectory directory_;
  PosixFileSystem disk_;
};

TEST_F(DriftFiles, ReadTablesOfCsvAndJson) {
  for (const auto& [name, text] :
       {std::pair{"a.csv", "x,colour\n1.5,red\n,\"blue, dark\"\nnan,\n"},
        std::pair{"a.jsonl",
                  "{\"x\":1.5,\"colour\":\"red\"}\n\n{\"colour\":\"blue, dark\"}\n"
                  "{\"x\":\"nan\",\"colour\":null}\n"}}) {
    SCOPED_TRACE(name);
    const auto data = ReadData(Write(name, text));
    ASSERT_TRUE(data) << data.error().message;
    EXPECT_THAT(data->columns, ElementsAre("x", "colour"));
    ASSERT_EQ(data->rows.size(), 3u);
    EXPECT_EQ(std::get<double>(data->rows[0].cells[0]), 1.5);
    EXPECT_EQ(std::get<std::string>(data->rows[1].cells[1]), "blue, dark");
    EXPECT_TRUE(std::holds_alternative<std::monostate>(data->rows[1].cells[0]));
    EXPECT_TRUE(std::isnan(std::get<double>(data->rows[2].cells[0])));
  }
}

TEST_F(DriftFiles, ReadTensorsOfAFolder) {
  for (const char* name : {"data/cat/1.npy", "data/cat/2.npy", "data/dog/1.npy"})
    Write(name, AsText(WriteNpy(Tensor(DType::kF32, {1, 3}))));
  auto data = ReadData(directory_.path() / "data");
  ASSERT_TRUE(data) << data.error().message;
  ASSERT_EQ(data->rows.size(), 3u);
  EXPECT_EQ(data->rows[2].inputs[0].shape(), (Shape{1, 3}));
  const auto labels = ReadLabels("folders", {}, *data);
  ASSERT_TRUE(labels);
  EXPECT_THAT(labels->classes, ElementsAre(0, 0, 1));
  EXPECT_THAT(labels->names, ElementsAre("cat", "dog"));
}

TEST_F(DriftFiles, ReadRowsOfOneTensor) {
  const Tensor rows = Tensor::Of<float>(DType::kF32, {3, 2}, {1, 2, 3, 4, 5, 6});
  const auto data = ReadData(Write("a.npy", AsText(WriteNpy(rows))));
  ASSERT_TRUE(data);
  ASSERT_EQ(data->rows.size(), 3u);
  EXPECT_EQ(data->rows[1].inputs[0].As<float>()[0], 3);
}

TEST_F(DriftFiles, ReadCapturesOfDevices) {
  const Tensor tensor = Tensor::Of<float>(DType::kF32, {1, 2}, {1, 2});
  const auto entry = [](const std::string& name, const std::string& where) {
    return "{\"name\":\"" + name + "\",\"observedContentType\":\"Tensor[FLOAT32; 1, 2]\"," + where +
           "}";
  };
  Write("c/raw-data/output-tensors/abc-1.bin", AsText(tensor.bytes()));
  Write("c/one.jsonl",
        "{\"deviceFleetInputs\":[" +
            entry("x", "\"data\":\"" + Base64Encode(tensor.bytes()) + "\"") +
            "],\"deviceFleetOutputs\":[" +
            entry("y", "\"data-ref\":\"file:///elsewhere/output-tensors/abc-1.bin\"") +
            "],\"eventMetadata\":{\"inferenceTime\":\"2026-11-28T20:00:00\"},"
            "\"eventVersion\":\"0\"}\n");
  const auto data = ReadData(directory_.path() / "c");
  ASSERT_TRUE(data) << data.error().message;
  ASSERT_EQ(data->rows.size(), 1u);
  EXPECT_EQ(data->rows[0].inputs[0].As<float>()[1], 2);
  EXPECT_EQ(data->rows[0].outputs[0].As<float>()[1], 2);
  EXPECT_EQ(data->rows[0].time_ms, 1'795'896'000'000);
  EXPECT_THAT(data->output_names, ElementsAre("y"));
}

TEST_F(DriftFiles, ReadCapturesOfModelMonitor) {
  const auto data = ReadData(Write(
      "m.jsonl",
      "{\"captureData\":{\"endpointInput\":{\"data\":\"1,2\",\"encoding\":\"CSV\"},"
      "\"endpointOutput\":{\"data\":\"MC41\",\"encoding\":\"BASE64\"}},\"eventVersion\":\"0\"}\n"));
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_THAT(data->columns, ElementsAre("input-0", "input-1", "output-0"));
  EXPECT_EQ(std::get<double>(data->rows[0].cells[2]), 0.5);
}

struct BrokenFile {
  const char* name;
  const char* content;
  const char* message;
};

TEST_F(DriftFiles, ThatAreBrokenAreNamed) {
  const std::vector<BrokenFile> cases = {
      {"short.csv", "x,y\n1\n", "line 2 has 1 fields"},
      {"empty.csv", "x\n", "no line of names"},
      {"empty.jsonl", "\n", "is empty"},
      {"list.jsonl", "[1]\n", "line 1 is no JSON object"},
      {"late.jsonl", "{\"a\":1}\n{\"a\"\n", "line 2"},
      {"other.txt", "x", "no .csv"},
      {"cut.npy", "\x93NUMPY", "cut.npy"},
      {"type.jsonl",
       "{\"deviceFleetInputs\":[{\"observedContentType\":\"Tensor[FLOAT3; 1]\",\"data\":\"\"}]}",
       "no type of a tensor"},
  };
  for (const BrokenFile& broken : cases) {
    SCOPED_TRACE(broken.name);
    const auto data = ReadData(Write(broken.name, broken.content));
    ASSERT_FALSE(data);
    EXPECT_EQ(data.error().code, Code::kInvalidArgument);
    EXPECT_THAT(data.error().message, HasSubstr(broken.message));
  }
  const auto missing = ReadData(directory_.path() / "nothing.csv");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kNotFound);
}

TEST_F(DriftFiles, LabelsComeFromAColumnOrAFile) {
  auto data = ReadData(Write("a.csv", "x,y\n1,b\n2,a\n"));
  ASSERT_TRUE(data);
  const auto labels = ReadLabels("column:y", {}, *data);
  ASSERT_TRUE(labels);
  EXPECT_THAT(labels->classes, ElementsAre(1, 0));
  EXPECT_THAT(data->columns, ElementsAre("x"));
  EXPECT_FALSE(ReadLabels("column:z", {}, *data));
  const auto listed = ReadLabels(Write("l", "1\r\n0\n").string(), {"n", "p"}, *data);
  ASSERT_TRUE(listed);
  EXPECT_THAT(listed->classes, ElementsAre(1, 0));
  EXPECT_FALSE(ReadLabels(Write("l", "1\n").string(), {}, *data));
  EXPECT_FALSE(ReadLabels(Write("l", "q\n1\n").string(), {"n", "p"}, *data));
}

TEST(FeatureChoice, GuessesRolesFromShapes) {
  const std::vector<std::tuple<stats::Side, Shape, stats::Role>> cases = {
      {stats::Side::kInput, {1, 3, 32, 32}, stats::Role::kImage},
      {stats::Side::kInput, {1, 32, 32, 3}, stats::Role::kImage},
      {stats::Side::kInput, {1, 8}, stats::Role::kColumns},
      {stats::Side::kInput, {1, 512}, stats::Role::kEmbedding},
      {stats::Side::kInput, {1, 2, 256}, stats::Role::kSeries},
      {stats::Side::kOutput, {1, 10}, stats::Role::kScores},
      {stats::Side::kOutput, {1, 1}, stats::Role::kColumns},
      {stats::Side::kOutput, {1, 20, 6}, stats::Role::kDetections},
  };
  for (const auto& [side, shape, role] : cases) {
    SCOPED_TRACE(ToString(shape));
    const Tensor sample = RandomTensor(DType::kF32, shape, 1);
    KnownTensor known;
    known.side = side;
    known.name = "t";
    known.samples = {&sample};
    const auto choice = ChooseFeatures({known}, {});
    ASSERT_TRUE(choice);
    EXPECT_EQ(choice->tensors[0].role, role);
    EXPECT_TRUE(stats::BaselineBuilder::Make(choice->tensors, choice->features, {}));
    const auto forced = ChooseFeatures({known}, {"t=columns"});
    ASSERT_TRUE(forced);
    EXPECT_EQ(forced->tensors[0].role, stats::Role::kColumns);
    EXPECT_FALSE(ChooseFeatures({known}, {"u=columns"}));
    EXPECT_FALSE(ChooseFeatures({known}, {"t=sound"}));
    EXPECT_FALSE(ChooseFeatures({known}, {"columns"}));
  }
}

// Rows of a table of two standard normal columns, the second one moved.
DataSet Rows(size_t count, double moved, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  DataSet data{.columns = {"x0", "x1"}};
  for (size_t i = 0; i < count; ++i)
    data.rows.emplace_back().cells = {normal(random), normal(random) + moved};
  return data;
}

TEST(Judgement, NamesTheFeatureThatMovedAndNoOther) {
  const auto judgement =
      Judge(stats::testing::GaussianBaseline(2, 100'000), "id", Rows(1000, 0.5, 1), 0.05);
  ASSERT_TRUE(judgement) << judgement.error().message;
  EXPECT_TRUE(judgement->drifted());
  EXPECT_EQ(judgement->features[0].verdict, DriftVerdict::kSame);
  EXPECT_EQ(judgement->features[1].verdict, DriftVerdict::kDrift);
  EXPECT_NEAR(judgement->features[1].shift.value, 0.5, 0.15);
  EXPECT_FALSE(judgement->features[1].path.empty());
}

TEST(Judgement, FindsNothingInThousandRowsLikeTheReference) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const auto judgement =
        Judge(stats::testing::GaussianBaseline(2, 100'000), "id", Rows(1000, 0, seed), 0.05);
    ASSERT_TRUE(judgement);
    EXPECT_FALSE(judgement->drifted()) << seed;
  }
}

TEST(Judgement, SaysWhatIsMissingOrTooFew) {
  DataSet data = Rows(200, 0, 2);
  for (size_t i = 0; i < 100; ++i) data.rows[i].cells[0] = std::monostate();
  for (size_t i = 0; i < 190; ++i) data.rows[i].cells[1] = std::monostate();
  const auto judgement = Judge(stats::testing::GaussianBaseline(3, 1000), "id", data, 0.05);
  ASSERT_TRUE(judgement);
  EXPECT_EQ(judgement->features[0].verdict, DriftVerdict::kMissing);
  EXPECT_EQ(judgement->features.size(), 2u);
  EXPECT_THAT(judgement->notes[0], HasSubstr("'x2' is not in the data"));
  const auto few = Judge(stats::testing::GaussianBaseline(2, 1000), "id", Rows(10, 9, 3), 0.05);
  ASSERT_TRUE(few);
  EXPECT_EQ(few->features[1].verdict, DriftVerdict::kFewValues);
  EXPECT_FALSE(few->drifted());
}

TEST(Judgement, RefusesDataOfAnotherKind) {
  DataSet other{.columns = {"q"}};
  other.rows.emplace_back().cells = {1.0};
  EXPECT_FALSE(Judge(stats::testing::GaussianBaseline(2, 1000), "id", other, 0.05));
  EXPECT_FALSE(Judge(stats::testing::GaussianBaseline(2, 1000), "id", {}, 0.05));
  DataSet tensors;
  tensors.rows.emplace_back().inputs.emplace_back(DType::kF32, Shape{1, 5});
  EXPECT_FALSE(Judge(stats::testing::GaussianBaseline(2, 1000), "id", tensors, 0.05));
}

TEST(Judgement, AsHtmlIsOneFileWithoutReferences) {
  stats::Baseline baseline = stats::testing::GaussianBaseline(2, 100'000);
  baseline.features[1].name = "<script>alert(1)</script>";
  DataSet data = Rows(500, 1, 4);
  data.columns[1] = baseline.features[1].name;
  const auto judgement = Judge(baseline, "0123456789abcdef", data, 0.05);
  ASSERT_TRUE(judgement);
  const std::string html = ToHtml(*judgement, "a & b");
  EXPECT_THAT(html, HasSubstr("a &amp; b"));
  EXPECT_THAT(html, HasSubstr("1 of 2 features drifted"));
  EXPECT_THAT(html, HasSubstr("<svg"));
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("http")));
  EXPECT_THAT(ToTable(*judgement), HasSubstr("drift"));
  EXPECT_THAT(json::Write(ToJson(*judgement)), HasSubstr("\"drift\":true"));
}

// The two commands as a user starts them.
class DriftCommands : public DriftFiles {
 protected:
  struct Outcome {
    int exit_code;
    std::string output;
  };
  Outcome Kedge(std::vector<std::string> arguments) {
    const Path bin(std::getenv("KEDGE_BIN_DIR"));
    arguments.insert(arguments.begin(), (bin / "kedge").string());
    const auto result = RunSubprocess({.arguments = std::move(arguments)});
    EXPECT_TRUE(result) << result.error().message;
    return {result->exit_code, result->output};
  }
  std::string Csv(double moved, uint64_t seed) {
    std::string text = "temperature,colour\n";
    std::mt19937_64 random(seed);
    std::normal_distribution<double> normal(20 + moved, 1);
    for (int i = 0; i < 1000; ++i)
      text += std::to_string(normal(random)) + (random() % 3 == 0 ? ",red\n" : ",blue\n");
    return Write("data-" + std::to_string(seed) + ".csv", text).string();
  }
};

TEST_F(DriftCommands, TellDriftByTheirExitCode) {
  const std::string baseline = (directory_.path() / "baseline.json").string();
  const Outcome made = Kedge({"baseline", "--data", Csv(0, 1), "-o", baseline});
  EXPECT_EQ(made.exit_code, 0) << made.output;
  EXPECT_THAT(made.output, HasSubstr("2 features of 1000 rows"));
  EXPECT_EQ(Kedge({"drift", baseline, Csv(0, 2)}).exit_code, 0);
  const std::string html = (directory_.path() / "report.html").string();
  const Outcome moved = Kedge({"drift", baseline, Csv(1, 3), "--json", "--html", html});
  EXPECT_EQ(moved.exit_code, 3) << moved.output;
  EXPECT_THAT(moved.output, HasSubstr("\"verdict\": \"drift\""));
  EXPECT_TRUE(disk_.Exists(html));
  EXPECT_EQ(Kedge({"drift", baseline, "nothing.csv"}).exit_code, 1);
  EXPECT_EQ(Kedge({"drift", baseline}).exit_code, 2);
}

}  // namespace
}  // namespace kedge::cli
