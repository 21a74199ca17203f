// SPDX-License-Identifier: Apache-2.0
#include "base/subprocess.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace kedge {
namespace {

TEST(Subprocess, CapturesBothStreamsAndTheExitCode) {
  const auto result =
      RunSubprocess({.arguments = {"/bin/sh", "-c", "echo out; echo err >&2; exit 3"}});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->output, "out\n");
  EXPECT_EQ(result->errors, "err\n");
  EXPECT_EQ(result->exit_code, 3);
}

TEST(Subprocess, SaysWhichProgramIsMissing) {
  const auto result = RunSubprocess({.arguments = {"/no/such/program"}});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kNotFound);
  EXPECT_NE(result.error().message.find("/no/such/program"), std::string::npos);
}

TEST(Subprocess, EndsByTheDeadline) {
  const auto result = RunSubprocess({.arguments = {"/bin/sh", "-c", "while :; do :; done"},
                                     .timeout = std::chrono::milliseconds(50)});
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->timed_out);
  EXPECT_EQ(result->signal, 9);
  EXPECT_EQ(result->exit_code, 137);
}

TEST(Subprocess, HoldsTheOutputLimit) {
  const auto result = RunSubprocess(
      {.arguments = {"/bin/sh", "-c", "head -c 300000 /dev/zero"}, .output_bytes_max = 1000});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->output.size(), 1000u);
  EXPECT_EQ(result->exit_code, 0);
}

TEST(Subprocess, GivesTheChildOnlyWhatWasNamed) {
  const auto result = RunSubprocess({.arguments = {"/bin/sh", "-c", "echo $ONE; env | wc -l"},
                                     .environment = {{"ONE", "1"}},
                                     .clear_environment = true});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->output.substr(0, 2), "1\n");
  EXPECT_LT(std::stoi(result->output.substr(2)), 5);
}

TEST(Subprocess, PassesDescriptorsAndClosesTheRest) {
  auto file = OpenFile("/dev/null", O_RDONLY);
  ASSERT_TRUE(file);
  const auto result =
      RunSubprocess({.arguments = {"/bin/sh", "-c", "ls /proc/self/fd | tr '\\n' ' '"},
                     .descriptors = {{file->get(), 7}}});
  ASSERT_TRUE(result);
  EXPECT_NE(result->output.find('7'), std::string::npos) << result->output;
  EXPECT_EQ(result->output.find('5'), std::string::npos) << result->output;
}

}  // namespace
}  // namespace kedge
