// The interpreter and every pass against ONNX's own backend cases.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/testing/onnx_cases.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <iostream>

#include "compiler/import/import.h"
#include "compiler/ops/interpreter.h"
#include "compiler/pipeline.h"
#include "tensor/npy.h"

namespace kedge::compiler {
namespace {

struct Counts {
  int passed = 0;
  int refused = 0;
  std::vector<std::string> failed;
};

Counts RunAll(const Path& folder, bool verbose = false) {
  Counts counts;
  for (const OnnxCase& each : FindOnnxCases(folder)) {
    const CaseResult result = RunCase(each.folder);
    if (result.outcome == CaseOutcome::kPassed) ++counts.passed;
    if (result.outcome == CaseOutcome::kRefused) ++counts.refused;
    if (result.outcome == CaseOutcome::kRefused && verbose)
      std::cout << "REFUSED " << each.name << ": " << result.reason << "\n";
    if (result.outcome == CaseOutcome::kFailed)
      counts.failed.push_back(each.name + ": " + result.reason);
  }
  for (const std::string& failure : counts.failed) std::cout << "FAILED " << failure << "\n";
  std::cout << counts.passed << " passed, " << counts.failed.size() << " failed, " << counts.refused
            << " refused\n";
  return counts;
}

Path SharedVectors() {
  const char* source = std::getenv("KEDGE_SOURCE_DIR");
  return Path(source == nullptr ? "." : source) / ".." / "shared" / "vectors" / "onnx";
}

TEST(OnnxCases, SimpleAndPytorchOperatorCasesPassOrAreRefused) {
  if (FindOnnxCases(SharedVectors() / "simple").empty())
    GTEST_SKIP() << "skipped: ../shared not present";
  const Counts simple = RunAll(SharedVectors() / "simple", true);
  const Counts pytorch = RunAll(SharedVectors() / "pytorch-operator", true);
  EXPECT_EQ(simple.passed + pytorch.passed, 42);
  EXPECT_EQ(simple.refused + pytorch.refused, 16);
}

TEST(OnnxCases, NodeCasesPassOrAreRefused) {
  const Path folder = "/usr/share/libonnx-testdata/data/node";
  if (FindOnnxCases(folder).empty()) GTEST_SKIP() << "skipped: libonnx-testdata not installed";
  const Counts counts = RunAll(folder, std::getenv("KEDGE_VERBOSE") != nullptr);
  // The package stores bf16 as uint16 in these six.
  for (const std::string& failure : counts.failed)
    EXPECT_NE(failure.find("BFLOAT16"), std::string::npos) << failure;
  EXPECT_GE(counts.passed, 660);
}

// Three of the nine: the interpreter needs minutes for the large ones, which `kedge conform` runs
// compiled.
TEST(OnnxCases, LightNetworksPass) {
  const Path folder = SharedVectors() / "light";
  if (FindOnnxCases(folder).empty()) GTEST_SKIP() << "skipped: ../shared not present";
  for (const char* name : {"light_inception_v2", "light_shufflenet", "light_squeezenet"}) {
    SCOPED_TRACE(name);
    const CaseResult result = RunCase(folder / name);
    EXPECT_EQ(result.outcome, CaseOutcome::kPassed) << result.reason;
  }
}

// Weights that are no splats: a wrong order of elements would show.
TEST(OnnxCases, UltrafaceMatchesAnotherEngine) {
  const Path models = SharedVectors() / ".." / ".." / "models";
  PosixFileSystem files;
  if (!files.Exists(models)) GTEST_SKIP() << "skipped: ../shared not present";
  for (const char* name : {"version-RFB-320.onnx", "version-RFB-320_simplified.onnx",
                           "version-RFB-320_without_postprocessing.onnx"}) {
    SCOPED_TRACE(name);
    auto model = ImportOnnxFile(models / "ultraface" / name, {});
    ASSERT_TRUE(model.has_value()) << model.error().message;
    const auto times = RunPipeline(model->graph);
    ASSERT_TRUE(times.has_value()) << times.error().message;
    const auto read = [&](const std::string& file) {
      return ParseNpy(files.Read(models / "golden" / name / file, 1 << 28).value()).value();
    };
    const std::vector<Tensor> inputs{read("input_0.npy")};
    const auto outputs = RunGraph(model->graph, inputs);
    ASSERT_TRUE(outputs.has_value()) << outputs.error().message;
    ASSERT_EQ(outputs->size(), 2u);
    EXPECT_EQ(Compare((*outputs)[0], read("output_0.npy")), "");
    EXPECT_EQ(Compare((*outputs)[1], read("output_1.npy")), "");
  }
}

}  // namespace
}  // namespace kedge::compiler
