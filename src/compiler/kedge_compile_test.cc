// The program kedge-compile as its callers see it: words, exit codes, files, and nothing left
// behind.
// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>

#include "base/json/json.h"
#include "base/subprocess.h"
#include "compiler/codegen/object_check.h"
#include "compiler/testing/onnx_writer.h"

namespace kedge::compiler {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// y = op(x, w), x f32[n x 4].
std::string SmallModel(const std::string& op) {
  OnnxModelText model;
  model.nodes = {{.op = op, .inputs = {"x", "w"}, .outputs = {"y"}, .name = "sum"}};
  model.inputs = {OnnxTensorValue("x", {"n", "4"})};
  model.outputs = {OnnxTensorValue("y", {"n", "4"})};
  model.initializers = {OnnxFloats("w", {4}, {1, 2, 3, 4})};
  return WriteOnnx(model);
}

class KedgeCompile : public testing::Test {
 protected:
  KedgeCompile() : folder_(*TemporaryDirectory::Make()) { Write("model.onnx", SmallModel("Add")); }

  void Write(const std::string& name, const std::string& bytes) {
    EXPECT_TRUE(disk_.WriteAtomically(folder_.path() / name, AsBytes(bytes), 0644));
  }
  SubprocessResult Run(std::vector<std::string> words) {
    const char* bin = std::getenv("KEDGE_BIN_DIR");
    SubprocessOptions options;
    options.arguments = {std::string(bin == nullptr ? "." : bin) + "/kedge-compile"};
    options.arguments.insert(options.arguments.end(), words.begin(), words.end());
    options.clear_environment = true;  // no home, as in the server's sandbox
    options.environment = {{"PATH", "/usr/bin:/bin"}, {"TMPDIR", "/tmp"}};
    options.working_directory = folder_.path();
    auto result = RunSubprocess(options);
    EXPECT_TRUE(result.has_value());
    return result ? *std::move(result) : SubprocessResult{};
  }
  std::vector<std::string> Names(const std::string& below = "") {
    return *disk_.List(folder_.path() / below);
  }
  std::string Read(const std::string& name) {
    return std::string(AsText(*disk_.Read(folder_.path() / name, 1 << 24)));
  }

  PosixFileSystem disk_;
  TemporaryDirectory folder_;
};

TEST_F(KedgeCompile, WritesAFolderWithItsReport) {
  const auto result = Run({"model.onnx", "-o", "out", "--input", "x=3x4", "--time-passes"});
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("infer-shapes"));
  EXPECT_THAT(Names("out"), ElementsAre("model.so", "report.json", "weights.bin"));
  const auto report = json::Parse(Read("out/report.json"));
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->IntOr("weights_bytes", 0), 64);
  EXPECT_GT(report->IntOr("code_bytes", 0), 0);
  const json::Value& node = report->Find("nodes")->AsArray()->at(0);
  EXPECT_EQ(node.StringOr("op", ""), "Add");
  EXPECT_EQ(node.StringOr("kernel", ""), "generic-eltwise");
}

TEST_F(KedgeCompile, GivesEqualFilesForEqualInput) {
  ASSERT_EQ(Run({"model.onnx", "-o", "a", "--input", "x=3x4", "--jobs", "1"}).exit_code, 0);
  ASSERT_EQ(Run({"model.onnx", "-o", "b", "--input", "x=3x4", "--jobs", "4"}).exit_code, 0);
  EXPECT_EQ(Read("a/model.so"), Read("b/model.so"));
  EXPECT_EQ(Read("a/weights.bin"), Read("b/weights.bin"));
}

TEST_F(KedgeCompile, CompilesForEveryTarget) {
  for (const std::string& target : TargetNames()) {
    SCOPED_TRACE(target);
    const auto result = Run({"model.onnx", "-o", target, "--target", target, "--input", "x=3x4"});
    ASSERT_EQ(result.exit_code, 0) << result.errors;
    const std::string object = Read(target + "/model.so");
    for (const std::string& other : TargetNames()) {
      const bool same = FindTarget(other)->architecture == FindTarget(target)->architecture;
      EXPECT_EQ(CheckObject(AsBytes(object), *FindTarget(other)).has_value(), same) << other;
    }
  }
}

TEST_F(KedgeCompile, AWarmCacheCompilesNoKernel) {
  const std::vector<std::string> words = {"model.onnx", "-o",          "out",  "--input",
                                          "x=3x4",      "--cache-dir", "cache"};
  int64_t compiled[2];
  for (int64_t& count : compiled) {
    ASSERT_EQ(Run(words).exit_code, 0);
    count = json::Parse(Read("out/report.json"))->IntOr("kernels_compiled", -1);
  }
  EXPECT_EQ(compiled[0], 1);
  EXPECT_EQ(compiled[1], 0);
}

TEST_F(KedgeCompile, KeepsSourceWithoutAnyTextOfTheModel) {
  OnnxModelText model;
  const std::string hostile = "\"; __asm__(\".incbin evil\"); //";
  model.nodes = {{.op = "Relu", .inputs = {hostile}, .outputs = {"y"}, .name = hostile}};
  model.inputs = {OnnxTensorValue(hostile, {"4"})};
  model.outputs = {OnnxTensorValue("y", {"4"})};
  Write("hostile.onnx", WriteOnnx(model));
  const auto result = Run({"hostile.onnx", "-o", "out", "--keep-source"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  for (const std::string& name : Names("out/source")) {
    EXPECT_EQ(Read("out/source/" + name).find("incbin"), std::string::npos) << name;
  }
}

TEST_F(KedgeCompile, PrintsTheGraphAfterAPass) {
  const auto result =
      Run({"model.onnx", "-o", "out", "--input", "x=3x4", "--print-after", "fold-constants"});
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("# after fold-constants\ngraph (%x: f32[3x4])"));
}

TEST_F(KedgeCompile, RemovesWhatAKilledCompilationLeft) {
  const std::string killed = ".out.0123456789ab.new", running = ".out.ab0123456789.new";
  const std::string of_others = ".out.000000000000.new", other_place = ".out2.0123456789ab.new";
  for (const std::string& name : {killed, running, of_others, other_place})
    ASSERT_TRUE(disk_.MakeDirectories(folder_.path() / name, 0755));
  Write(killed + "/model.so", "half of it");
  Write(of_others + "/letter.txt", "dear");
  const auto lock = OpenFile(folder_.path() / running, O_RDONLY | O_DIRECTORY);
  ASSERT_TRUE(lock.has_value());
  ASSERT_EQ(::flock(lock->get(), LOCK_EX), 0);
  const auto result = Run({"model.onnx", "-o", "out", "--input", "x=3x4"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(Names(),
              testing::UnorderedElementsAre("model.onnx", "out", of_others, running, other_place));
}

TEST_F(KedgeCompile, ErrorsAreOneSentenceAndLeaveNothingBehind) {
  Write("broken.onnx", SmallModel("Add").substr(0, 40));
  Write("unknown.onnx", SmallModel("Frobnicate"));
  ASSERT_TRUE(disk_.MakeDirectories(folder_.path() / "taken", 0755));
  Write("taken/letter.txt", "dear");
  struct Row {
    const char* name;
    std::vector<std::string> words;
    int exit_code;
    const char* message;
  };
  const Row rows[] = {
      {"no model", {"-o", "out"}, 2, "MODEL"},
      {"unknown target", {"model.onnx", "-o", "out", "--target", "z80"}, 2, "z80"},
      {"shape that is none", {"model.onnx", "-o", "out", "--input", "x=3by4"}, 2, "input 'x'"},
      {"input that is none", {"model.onnx", "-o", "out", "--input", "q=3x4"}, 1, "q"},
      {"missing file", {"none.onnx", "-o", "out"}, 1, "none.onnx"},
      {"truncated file", {"broken.onnx", "-o", "out"}, 1, "kedge-compile: "},
      {"unknown operator",
       {"unknown.onnx", "-o", "out", "--input", "x=3x4"},
       1,
       "refused: operator 'Frobnicate'"},
      {"unknown pass", {"model.onnx", "-o", "out", "--print-after", "polish"}, 1, "'polish'"},
      {"folder with other things",
       {"model.onnx", "-o", "taken", "--input", "x=3x4"},
       1,
       "holds 'letter.txt'"},
  };
  const std::vector<std::string> before = Names();
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const auto result = Run(row.words);
    EXPECT_EQ(result.exit_code, row.exit_code);
    EXPECT_THAT(result.errors, HasSubstr(row.message));
    EXPECT_EQ(std::count(result.errors.begin(), result.errors.end(), '\n'), 1) << result.errors;
    EXPECT_EQ(Names(), before);
  }
  EXPECT_THAT(Names("taken"), ElementsAre("letter.txt"));
}

TEST_F(KedgeCompile, ReplacesWhatAFormerCompilationLeft) {
  ASSERT_EQ(Run({"model.onnx", "-o", "out", "--input", "x=3x4", "--keep-source"}).exit_code, 0);
  ASSERT_EQ(Run({"model.onnx", "-o", "out", "--input", "x=5x4"}).exit_code, 0);
  EXPECT_THAT(Names("out"), ElementsAre("model.so", "report.json", "weights.bin"));
  EXPECT_THAT(Names(), ElementsAre("model.onnx", "out"));
}

TEST_F(KedgeCompile, TheObjectCheckRefusesDamage) {
  ASSERT_EQ(Run({"model.onnx", "-o", "out", "--target", "x86-64-v2", "--input", "x=3x4"}).exit_code,
            0);
  const std::string object = Read("out/model.so");
  const Target target = *FindTarget("x86-64-v2");
  ASSERT_TRUE(CheckObject(AsBytes(object), target).has_value());
  for (size_t kept = 0; kept < object.size() / 2; kept += 97) {
    EXPECT_FALSE(CheckObject(AsBytes(object.substr(0, kept)), target).has_value()) << kept;
  }
  // Any byte may be wrong: the check answers, whatever it says.
  for (size_t at = 0; at < object.size(); at += 3) {
    std::string damaged = object;
    damaged[at] = static_cast<char>(~damaged[at]);
    (void)CheckObject(AsBytes(damaged), target);
  }
  std::string renamed = object;
  const size_t name = renamed.find("kedge_model_run");
  ASSERT_NE(name, std::string::npos);
  renamed[name] = 'K';
  EXPECT_THAT(CheckObject(AsBytes(renamed), target).error().message, HasSubstr("two functions"));
}

}  // namespace
}  // namespace kedge::compiler
