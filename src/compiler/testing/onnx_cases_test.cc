// The interpreter and every pass against ONNX's own backend cases.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/testing/onnx_cases.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <iostream>

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

TEST(OnnxCases, LightNetworksPass) {
  if (FindOnnxCases(SharedVectors() / "light").empty())
    GTEST_SKIP() << "skipped: ../shared not present";
  const Counts counts = RunAll(SharedVectors() / "light");
  EXPECT_EQ(counts.passed, 9);
}

}  // namespace
}  // namespace kedge::compiler
