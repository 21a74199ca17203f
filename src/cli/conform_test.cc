// `kedge conform` with a stand-in for kedge-compile: a script that gives a compiled model of C,
// refuses, fails or crashes, by the name of the case. What the real compiler does with ONNX's cases
// is tests/conformance.
// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/subprocess.h"
#include "ring/worker_process.h"
#include "runtime/testing/c_model.h"

namespace kedge::cli {
namespace {

using ::testing::HasSubstr;

// TensorProto of f32[4] with the values a, a + b, a + 2b, a + 3b.
ByteBuffer FloatsProto(float a, float b) {
  ByteBuffer proto = ToBuffer(AsBytes(std::string_view("\x08\x04\x10\x01\x4a\x10", 6)));
  for (int i = 0; i < 4; ++i) {
    proto.resize(proto.size() + 4);
    StoreLittle(proto.data() + proto.size() - 4, a + b * static_cast<float>(i));
  }
  return proto;
}

constexpr const char* kCompiler = R"(#!/bin/sh
here=$(dirname "$0")
out=$(echo "$*" | sed 's/.* -o //; s/ .*//')
case "$1" in
  *refused*) echo "kedge-compile: refused: operator 'StringNormalizer' of node 'n' is not supported" >&2; exit 1;;
  *broken*) echo "kedge-compile: cannot read the model" >&2; exit 1;;
  *crash-compiler*) kill -SEGV $$;;
  *crash-model*) cp -r "$here/crash" "$out";;
  *) cp -r "$here/good" "$out";;
esac
)";

class Conform : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!ring::kSandboxPossible)
      GTEST_SKIP() << "skipped: conform runs models in the sandbox, sanitizer runtimes cannot";
    const char* bin = std::getenv("KEDGE_BIN_DIR");
    ASSERT_NE(bin, nullptr);
    for (const char* program : {"kedge", "kedge-worker"})
      std::filesystem::copy_file(Path(bin) / program, At(program));
    ASSERT_TRUE(disk_.WriteAtomically(At("kedge-compile"), AsBytes(kCompiler), 0755));
    ASSERT_TRUE(disk_.MakeDirectories(At("good"), 0755));
    ASSERT_TRUE(disk_.MakeDirectories(At("crash"), 0755));
    ASSERT_TRUE(runtime::testing::Build({}, At("good")));
    ASSERT_TRUE(runtime::testing::Build({.run_body = "__builtin_trap(); return 0;"}, At("crash")));
  }
  Path At(const std::string& name) { return directory_.path() / name; }
  // The model doubles and adds one.
  void AddCase(const std::string& name, int data_sets = 1, float wrong_by = 0) {
    const Path folder = At("cases/" + name);
    // ModelProto with a graph of one input "x" of f32[4].
    constexpr std::string_view kModel(
        "\x3a\x11\x5a\x0f\x0a\x01x\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x04", 19);
    ASSERT_TRUE(disk_.MakeDirectories(folder, 0755));
    ASSERT_TRUE(disk_.WriteAtomically(folder / "model.onnx", AsBytes(kModel), 0644));
    for (int i = 0; i < data_sets; ++i) {
      const Path data = folder / ("test_data_set_" + std::to_string(i));
      const auto f = static_cast<float>(i);
      ASSERT_TRUE(disk_.MakeDirectories(data, 0755));
      ASSERT_TRUE(disk_.WriteAtomically(data / "input_0.pb", FloatsProto(f, 1), 0644));
      ASSERT_TRUE(disk_.WriteAtomically(data / "output_0.pb",
                                        FloatsProto(2 * f + 1 + wrong_by * f, 2), 0644));
    }
  }
  SubprocessResult Run(std::vector<std::string> words = {}) {
    words.insert(words.begin(), {At("kedge"), "conform", At("cases")});
    return *RunSubprocess({.arguments = std::move(words)});
  }

  TemporaryDirectory directory_ = *TemporaryDirectory::Make();
  PosixFileSystem disk_;
};

TEST_F(Conform, PassesFailsAndRefuses) {
  AddCase("a-good");
  AddCase("b-two-sets", 2);
  AddCase("c-refused");
  AddCase("d-broken");
  AddCase("e-crash-compiler");
  AddCase("f-crash-model");
  AddCase("g-wrong", 2, 0.5f);
  for (const char* jobs : {"1", "3"}) {
    const auto result = Run({"--jobs", jobs});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(
        result.output,
        "PASS a-good\n"
        "PASS b-two-sets\n"
        "REFUSED c-refused operator 'StringNormalizer' of node 'n' is not supported\n"
        "FAIL d-broken kedge-compile: cannot read the model\n"
        "FAIL e-crash-compiler kedge-compile was killed by signal 11\n"
        "FAIL f-crash-model the model's worker died: killed by signal 4 (SIGILL)\n"
        "FAIL g-wrong test_data_set_1: output 0 '': 4 of 4 elements differ, worst element 0 is 3, "
        "not 3.5\n"
        "2 passed, 4 failed, 1 refused\n");
  }
}

TEST_F(Conform, SucceedsIfNothingFails) {
  AddCase("good");
  AddCase("refused");
  const auto result = Run();
  EXPECT_EQ(result.exit_code, 0) << result.output;
  const auto lines = Run({"--json"});
  EXPECT_THAT(lines.output, HasSubstr(R"({"verdict":"PASS","case":"good","reason":""})"));
  EXPECT_THAT(lines.output, HasSubstr(R"({"passed":1,"failed":0,"refused":1})"));
}

TEST_F(Conform, FailsACaseThatIsNotComplete) {
  AddCase("no-output");
  ASSERT_TRUE(disk_.Remove(At("cases/no-output/test_data_set_0/output_0.pb")));
  AddCase("no-input");
  ASSERT_TRUE(disk_.Remove(At("cases/no-input/test_data_set_0/input_0.pb")));
  const auto result = Run();
  EXPECT_THAT(result.output, HasSubstr("FAIL no-output no output_0.pb"));
  EXPECT_THAT(result.output, HasSubstr("FAIL no-input the model has 1 inputs, the case 0"));
}

TEST_F(Conform, ToleranceIsAnOption) {
  AddCase("wrong", 2, 1e-2f);
  EXPECT_EQ(Run().exit_code, 1);
  EXPECT_EQ(Run({"--rtol", "0.01"}).exit_code, 0);
  EXPECT_EQ(Run({"--rtol", "0", "--atol", "0.011"}).exit_code, 0);
}

TEST_F(Conform, SaysWhatItCannotDo) {
  const auto none = Run();
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_THAT(none.errors, HasSubstr("cases"));
  AddCase("good");
  const auto runner = Run({"--target", "aarch64", "--runner", "/no/such/runner"});
  EXPECT_EQ(runner.exit_code, 1);
  EXPECT_THAT(runner.errors, HasSubstr("/no/such/runner"));
  EXPECT_EQ(Run({"--target", "vax"}).exit_code, 2);
}

}  // namespace
}  // namespace kedge::cli
