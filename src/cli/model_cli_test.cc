// inspect, run and bench as an operator runs them, on compiled models of a few lines of C.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/crypto/crypto.h"
#include "base/file.h"
#include "base/json/json.h"
#include "base/subprocess.h"
#include "ring/worker_process.h"
#include "runtime/testing/c_model.h"
#include "tensor/npy.h"

namespace kedge::cli {
namespace {

using runtime::testing::CModel;
using ::testing::HasSubstr;

constexpr const char* kReport = R"({"target":"x86-64-v2","cpu_features":"","model_hash":")"
                                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                R"(","arena_bytes":64,"weights_bytes":0,)"
                                R"("inputs":[{"name":"x","dtype":"f32","shape":[4]}],)"
                                R"("outputs":[{"name":"y","dtype":"f32","shape":[4]}]})";

class ModelCommands : public ::testing::Test {
 protected:
  void SetUp() override { Build("model", {}); }
  void Build(const std::string& name, const CModel& model) {
    ASSERT_TRUE(disk_.MakeDirectories(At(name), 0755));
    const Status built = runtime::testing::Build(model, At(name));
    ASSERT_TRUE(built) << built.error().message;
    ASSERT_TRUE(disk_.WriteAtomically(At(name) / "report.json", AsBytes(kReport), 0644));
  }
  Path At(const std::string& name) { return directory_.path() / name; }
  SubprocessResult Kedge(std::vector<std::string> arguments) {
    const char* bin = std::getenv("KEDGE_BIN_DIR");
    arguments.insert(arguments.begin(), bin == nullptr ? "kedge" : std::string(bin) + "/kedge");
    return *RunSubprocess({.arguments = std::move(arguments)});
  }
  void ExpectFailure(const SubprocessResult& result, std::string_view message) {
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.errors, HasSubstr(message));
    EXPECT_EQ(std::count(result.errors.begin(), result.errors.end(), '\n'), 1);
    EXPECT_EQ(result.output, "");
  }
  Tensor Output() { return *ParseNpy(*disk_.Read(At("out/output_0.npy"), 1 << 20)); }

  TemporaryDirectory directory_ = *TemporaryDirectory::Make();
  PosixFileSystem disk_;
};

// Workers of a build with sanitizers have no sandbox, which the commands insist on.
#define SKIP_WITHOUT_SANDBOX() \
  if (!ring::kSandboxPossible) GTEST_SKIP() << "skipped: sanitizer runtimes cannot be sandboxed"

TEST_F(ModelCommands, RunWritesTheOutputs) {
  ASSERT_TRUE(disk_.WriteAtomically(
      At("x.npy"), WriteNpy(Tensor::Of<float>(DType::kF32, {4}, {1, 2, 3, 4})), 0644));
  for (const bool in_process : {false, true}) {
    SCOPED_TRACE(in_process);
    if (!in_process && !ring::kSandboxPossible) continue;
    std::vector<std::string> words = {
        "run", At("model"), "--input", "x=" + At("x.npy").string(), "--output-dir", At("out")};
    if (in_process) words.emplace_back("--in-process");
    const auto result = Kedge(words);
    ASSERT_EQ(result.exit_code, 0) << result.errors;
    EXPECT_EQ(result.output, "output_0.npy f32 4 y\n");
    EXPECT_EQ(result.errors, "");
    const Tensor y = Output();
    EXPECT_EQ(std::vector<float>(y.As<float>().begin(), y.As<float>().end()),
              (std::vector<float>{3, 5, 7, 9}));
    ASSERT_TRUE(disk_.RemoveAll(At("out")));
  }
}

TEST_F(ModelCommands, RunSaysWhichInputsAreRandom) {
  SKIP_WITHOUT_SANDBOX();
  const auto result = Kedge({"run", At("model"), "-o", At("out")});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.errors, HasSubstr("input 'x' is not given: random from seed 0"));
}

TEST_F(ModelCommands, RunOfACrashingModelIsAnErrorOfOneLine) {
  SKIP_WITHOUT_SANDBOX();
  Build("crash", {.run_body = "__builtin_trap(); return 0;"});
  const auto result = Kedge({"run", At("crash"), "-o", At("out"), "--input", "x=random:1"});
  ExpectFailure(result, "killed by signal 4 (SIGILL)");
  EXPECT_FALSE(disk_.Exists(At("out")));
}

TEST_F(ModelCommands, RunRefusesWeightsOfAnotherModel) {
  constexpr std::string_view kWeights = "12345678", kOthers = "12345679";
  Build("weighted",
        {.weights_bytes = "8",
         .info_override = "info.weights_hash = \"" + crypto::Sha256Hex(AsBytes(kWeights)) + "\";"});
  for (const bool in_process : {false, true}) {
    SCOPED_TRACE(in_process);
    if (!in_process && !ring::kSandboxPossible) continue;
    std::vector<std::string> words = {"run",     At("weighted"), "-o",
                                      At("out"), "--input",      "x=random:1"};
    if (in_process) words.emplace_back("--in-process");
    const Path file = At("weighted") / "weights.bin";
    ASSERT_TRUE(disk_.WriteAtomically(file, AsBytes(kOthers), 0644));
    ExpectFailure(Kedge(words), "weights.bin is not the one that model.so was made with");
    ASSERT_TRUE(disk_.WriteAtomically(file, AsBytes(kWeights), 0644));
    const auto result = Kedge(words);
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    ASSERT_TRUE(disk_.RemoveAll(At("out")));
  }
}

TEST_F(ModelCommands, RunRefusesWhatIsNoModel) {
  ExpectFailure(Kedge({"run", At("nothing"), "-o", At("out")}), "nothing' is not there");
  ExpectFailure(Kedge({"run", directory_.path(), "-o", At("out")}), "has no model.so");
  ExpectFailure(Kedge({"run", At("model/model.c"), "-o", At("out")}),
                "neither a compiled folder nor a package");
  EXPECT_EQ(Kedge({"run", At("model")}).exit_code, 2);
  EXPECT_EQ(Kedge({"run", At("model"), "-o", At("out"), "--threads", "65"}).exit_code, 2);
}

TEST_F(ModelCommands, PackagesNeedTheRightRoot) {
  SKIP_WITHOUT_SANDBOX();
  ASSERT_EQ(Kedge({"keygen", "-o", At("keys")}).exit_code, 0);
  ASSERT_EQ(Kedge({"keygen", "-o", At("other")}).exit_code, 0);
  const Path file = At("shapes-1.0.tar.gz");
  const auto packed = Kedge({"package", At("model"), "--name", "shapes", "--version", "1.0",
                             "--key", At("keys/key.pem"), "-o", file});
  ASSERT_EQ(packed.exit_code, 0) << packed.errors;
  ExpectFailure(Kedge({"run", file, "-o", At("out")}), "--root");
  ExpectFailure(Kedge({"bench", file, "--root", At("other/cert.pem")}), "key");
  const auto run =
      Kedge({"run", file, "--root", At("keys/cert.pem"), "-o", At("out"), "--input", "0=random:1"});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  const auto inspected = Kedge({"inspect", file, "--root", At("keys/cert.pem")});
  EXPECT_EQ(inspected.exit_code, 0) << inspected.errors;
  EXPECT_THAT(inspected.output, HasSubstr("shapes version 1.0, verified"));
  EXPECT_THAT(inspected.output, HasSubstr("x86-64-v2/model.so"));
}

TEST_F(ModelCommands, BenchPrintsItsFiguresInOneLine) {
  for (const bool in_process : {false, true}) {
    SCOPED_TRACE(in_process);
    if (!in_process && !ring::kSandboxPossible) continue;
    std::vector<std::string> words = {"bench", At("model"), "--runs", "300", "--json"};
    if (in_process) words.emplace_back("--in-process");
    const auto result = Kedge(words);
    ASSERT_EQ(result.exit_code, 0) << result.errors;
    EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 1);
    const auto figures = json::Parse(result.output);
    ASSERT_TRUE(figures) << result.output;
    EXPECT_EQ(figures->IntOr("runs", 0), 300);
    EXPECT_EQ(figures->IntOr("threads", 0), 1);
    EXPECT_EQ(figures->StringOr("clock", ""), "cpu");
    EXPECT_EQ(figures->StringOr("target", ""), "x86-64-v2");
    for (const char* name :
         {"p50_us", "min_us", "wall_p50_us", "wall_min_us", "cpu_p50_us", "load_ms", "rss_mb"})
      EXPECT_GT(figures->Find(name)->NumberOr(-1), 0) << name;
    EXPECT_LE(figures->Find("min_us")->NumberOr(0), figures->Find("p50_us")->NumberOr(0));
  }
}

TEST_F(ModelCommands, BenchTimesOpsInThisProcessOnly) {
  EXPECT_EQ(Kedge({"bench", At("model"), "--ops"}).exit_code, 2);
  const auto result = Kedge({"bench", At("model"), "--ops", "--in-process", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr(R"("op":"test")"));
}

TEST_F(ModelCommands, InspectReadsTheReport) {
  const auto text = Kedge({"inspect", At("model")});
  EXPECT_EQ(text.exit_code, 0) << text.errors;
  EXPECT_THAT(text.output, HasSubstr("compiled for x86-64-v2"));
  EXPECT_THAT(text.output, HasSubstr("arena_bytes"));
  const auto line = Kedge({"inspect", At("model"), "--json"});
  EXPECT_EQ(*json::Parse(line.output), *json::Parse(kReport));
  ASSERT_TRUE(disk_.WriteAtomically(At("model/report.json"), AsBytes("{"), 0644));
  ExpectFailure(Kedge({"inspect", At("model")}), "report.json");
  ExpectFailure(Kedge({"inspect", directory_.path()}), "has no report.json");
  ExpectFailure(Kedge({"inspect", At("nothing")}), "is not there");
}

TEST_F(ModelCommands, InspectAsksTheCompilerAboutAModelFile) {
  const char* root = std::getenv("KEDGE_SOURCE_DIR");
  const auto text =
      Kedge({"inspect", Path(root == nullptr ? "." : root) / "examples/shapes/shapes.onnx"});
  EXPECT_EQ(text.exit_code, 0) << text.errors;
  EXPECT_THAT(text.output, HasSubstr("ONNX"));
  EXPECT_THAT(text.output, HasSubstr("Conv"));
  ExpectFailure(Kedge({"inspect", At("model/report.json")}), "kedge-compile");
}

}  // namespace
}  // namespace kedge::cli
