// Golden cases: one text file a case, <pass>/<name>.txt, with the graph before and after one pass.
//
//   # What is shown.
//   pass: fold-constants
//   in:
//   graph () { ... }
//   out:
//   graph () { ... }
//
// "error: words" instead of "out:" asks for an error whose message holds the words. Beyond equal
// text, the graph after the pass must be sound and give the same results for random inputs.
// With KEDGE_UPDATE_GOLDEN=1 the test writes what it got into the files instead.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

#include "base/file.h"
#include "compiler/graph/text.h"
#include "compiler/ops/interpreter.h"
#include "compiler/pipeline.h"

namespace kedge::compiler {
namespace {

struct GoldenCase {
  std::string comment;
  std::string pass;
  std::string in;
  std::string out;
  std::string error;
};

Path GoldenFolder() {
  const char* source = std::getenv("KEDGE_SOURCE_DIR");
  return Path(source == nullptr ? "." : source) / "tests" / "golden";
}

std::vector<Path> FindCases() {
  std::vector<Path> cases;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(GoldenFolder())) {
    if (entry.path().extension() == ".txt" && entry.path().stem() != "CMakeLists")
      cases.push_back(entry.path());
  }
  std::sort(cases.begin(), cases.end());
  return cases;
}

GoldenCase ReadCase(const Path& path) {
  GoldenCase result;
  std::ifstream file(path);
  std::string* section = &result.comment;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("pass: ")) {
      result.pass = line.substr(6);
    } else if (line.starts_with("error: ")) {
      result.error = line.substr(7);
    } else if (line == "in:" || line == "out:") {
      section = line == "in:" ? &result.in : &result.out;
    } else {
      *section += line + "\n";
    }
  }
  return result;
}

void WriteCase(const Path& path, const GoldenCase& golden) {
  std::ofstream file(path);
  file << golden.comment << "pass: " << golden.pass << "\nin:\n" << golden.in;
  if (golden.error.empty()) {
    file << "out:\n" << golden.out;
  } else {
    file << "error: " << golden.error << "\n";
  }
}

// Both graphs on the same random inputs. The tolerance is for constants that a pass combined:
// a few roundings of f32.
void ExpectSameResults(const Graph& before, const Graph& after) {
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < before.inputs.size(); ++i) {
    const Value& value = before.at(before.inputs[i]);
    inputs.push_back(RandomTensor(value.dtype, value.shape, i + 1));
  }
  const auto want = RunGraph(before, inputs);
  const auto got = RunGraph(after, inputs);
  ASSERT_TRUE(want.has_value()) << want.error().message;
  ASSERT_TRUE(got.has_value()) << got.error().message;
  ASSERT_EQ(want->size(), got->size());
  for (size_t i = 0; i < want->size(); ++i) {
    ASSERT_EQ((*want)[i].shape(), (*got)[i].shape());
    ASSERT_EQ((*want)[i].dtype(), (*got)[i].dtype());
    for (int64_t k = 0; k < (*want)[i].elements(); ++k) {
      const double a = ElementAsDouble((*want)[i], k);
      EXPECT_NEAR(a, ElementAsDouble((*got)[i], k), 1e-5 + 1e-5 * std::abs(a));
    }
  }
}

void RunGolden(const Path& path) {
  GoldenCase golden = ReadCase(path);
  const bool update = std::getenv("KEDGE_UPDATE_GOLDEN") != nullptr;
  const Pass* pass = FindPass(golden.pass);
  ASSERT_NE(pass, nullptr) << golden.pass;
  auto before = ParseGraph(golden.in);
  ASSERT_TRUE(before.has_value()) << before.error().message;
  Graph after = *before;
  const Status status = pass->run(after, {});
  if (!golden.error.empty()) {
    ASSERT_FALSE(status.has_value()) << PrintGraph(after);
    EXPECT_THAT(status.error().message, testing::HasSubstr(golden.error));
    return;
  }
  ASSERT_TRUE(status.has_value()) << status.error().message;
  const Status sound = Verify(after, true);
  EXPECT_TRUE(sound.has_value()) << sound.error().message;
  ExpectSameResults(*before, after);
  if (update) {
    golden.out = PrintGraph(after);
    golden.in = PrintGraph(*before);
    return WriteCase(path, golden);
  }
  const auto want = ParseGraph(golden.out);
  ASSERT_TRUE(want.has_value()) << want.error().message;
  EXPECT_EQ(PrintGraph(after), PrintGraph(*want));
}

TEST(Golden, EveryCaseComesOutAsItStands) {
  const std::vector<Path> cases = FindCases();
  ASSERT_FALSE(cases.empty());
  for (const Path& path : cases) {
    SCOPED_TRACE(path.string());
    RunGolden(path);
  }
}

TEST(Golden, EveryPassHasACase) {
  std::vector<std::string> passes;
  for (const Path& path : FindCases()) passes.push_back(ReadCase(path).pass);
  for (const Pass& pass : Pipeline())
    EXPECT_THAT(passes, testing::Contains(std::string(pass.name)));
}

}  // namespace
}  // namespace kedge::compiler
