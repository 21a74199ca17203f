// SPDX-License-Identifier: Apache-2.0
#include "base/flags.h"

#include <cstdlib>
#include <gtest/gtest.h>

#include "base/file.h"

namespace kedge {
namespace {

struct Parsed {
  std::optional<int> exit_code;
  std::string model, target = "native";
  int64_t runs = 10;
  bool json = false;
  std::vector<std::string> inputs;
};

Parsed ParseWords(std::vector<const char*> words) {
  Parsed parsed;
  Flags flags("kedge test", "Does nothing.");
  flags.Positional("MODEL", &parsed.model, "model").Required();
  flags.Option("--target", &parsed.target, "target").OneOf({"native", "aarch64"});
  flags.Option("--runs", &parsed.runs, "runs").Range(1, 100);
  flags.Option("--input", &parsed.inputs, "input");
  flags.Flag("--json", &parsed.json, "json");
  words.insert(words.begin(), "kedge");
  parsed.exit_code = flags.Parse(static_cast<int>(words.size()), words.data());
  return parsed;
}

TEST(Flags, FillsVariablesAndKeepsDefaults) {
  const Parsed parsed = ParseWords({"--input", "a=1", "m.onnx", "--input", "b=2", "--json"});
  EXPECT_FALSE(parsed.exit_code);
  EXPECT_EQ(parsed.model, "m.onnx");
  EXPECT_EQ(parsed.target, "native");
  EXPECT_EQ(parsed.runs, 10);
  EXPECT_TRUE(parsed.json);
  EXPECT_EQ(parsed.inputs, (std::vector<std::string>{"a=1", "b=2"}));
}

TEST(Flags, ExitCodesAreTheShells) {
  const struct {
    const char* name;
    std::vector<const char*> words;
    int want;
  } cases[] = {{"help", {"--help"}, 0},
               {"version", {"--version"}, 0},
               {"missing", {}, 2},
               {"unknown", {"m", "--nonsense"}, 2},
               {"not a member", {"m", "--target", "z80"}, 2},
               {"out of range", {"m", "--runs", "0"}, 2},
               {"no number", {"m", "--runs", "many"}, 2}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(ParseWords(c.words).exit_code, c.want);
  }
}

TEST(Flags, AnOwnVersionOptionReplacesTheFlag) {
  const auto parse = [](std::vector<const char*> words, std::string& version) {
    Flags flags("kedge test", "Does nothing.");
    flags.Option("--version", &version, "version of something").Required();
    words.insert(words.begin(), "kedge");
    return flags.Parse(static_cast<int>(words.size()), words.data());
  };
  std::string version;
  EXPECT_FALSE(parse({"--version", "1.0"}, version));
  EXPECT_EQ(version, "1.0");
  EXPECT_EQ(parse({"--version"}, version), kExitSuccess);
  EXPECT_EQ(parse({}, version), kExitUsage);
}

// The settings of a program that has a file and an environment.
struct Settings {
  std::optional<int> exit_code;
  std::string listen = "127.0.0.1:8080";
  int64_t jobs = 1;
  bool verbose = false;
};

Settings ParseSettings(std::vector<const char*> words, Flags::UnknownSettings unknown) {
  Settings settings;
  Flags flags("kedge test", "Does nothing.");
  flags.Option("--listen", &settings.listen, "address");
  flags.Option("--compile-jobs", &settings.jobs, "jobs").Range(1, 8);
  flags.Flag("--verbose", &settings.verbose, "says more");
  flags.Settings("KEDGE_TEST", unknown);
  words.insert(words.begin(), "kedge");
  settings.exit_code = flags.Parse(static_cast<int>(words.size()), words.data());
  return settings;
}

TEST(Flags, SettingsComeFromFileEnvironmentAndCommandLine) {
  const auto folder = TemporaryDirectory::Make();
  ASSERT_TRUE(folder);
  const struct {
    const char* name;
    const char* file;
    std::vector<std::pair<const char*, const char*>> environment;
    std::vector<const char*> words;
    int64_t want_jobs;
    bool want_verbose;
    std::optional<int> want_exit;
  } cases[] = {
      {"defaults", "", {}, {}, 1, false, {}},
      {"file", "compile-jobs = 2\nverbose = true\n", {}, {}, 2, true, {}},
      {"environment beats file",
       "compile-jobs = 2",
       {{"KEDGE_TEST_COMPILE_JOBS", "3"}},
       {},
       3,
       false,
       {}},
      {"a flag from the environment", "", {{"KEDGE_TEST_VERBOSE", "true"}}, {}, 1, true, {}},
      {"command line beats both",
       "compile-jobs = 2",
       {{"KEDGE_TEST_COMPILE_JOBS", "3"}},
       {"--compile-jobs", "4"},
       4,
       false,
       {}},
      {"bad value in the file", "compile-jobs = 99", {}, {}, 1, false, kExitUsage},
      {"bad value in the environment",
       "",
       {{"KEDGE_TEST_COMPILE_JOBS", "x"}},
       {},
       1,
       false,
       kExitUsage},
      {"unknown name in the file", "compil-jobs = 2", {}, {}, 1, false, kExitUsage},
  };
  const Path file = folder->path() / "kedge.toml";
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    ASSERT_TRUE(PosixFileSystem().WriteAtomically(file, AsBytes(std::string_view(c.file)), 0600));
    for (const auto& [name, value] : c.environment) setenv(name, value, 1);
    std::vector<const char*> words = {"--config", file.c_str()};
    words.insert(words.end(), c.words.begin(), c.words.end());
    const Settings settings = ParseSettings(words, Flags::UnknownSettings::kRefused);
    for (const auto& [name, value] : c.environment) unsetenv(name);
    EXPECT_EQ(settings.exit_code, c.want_exit);
    if (c.want_exit) continue;
    EXPECT_EQ(settings.jobs, c.want_jobs);
    EXPECT_EQ(settings.verbose, c.want_verbose);
  }
}

TEST(Flags, ACommandMayIgnoreSettingsOfOthers) {
  const auto folder = TemporaryDirectory::Make();
  ASSERT_TRUE(folder);
  const Path file = folder->path() / "kedge.toml";
  ASSERT_TRUE(PosixFileSystem().WriteAtomically(
      file, AsBytes(std::string_view("of-another-command = 1\ncompile-jobs = 5\n")), 0600));
  const Settings settings =
      ParseSettings({"--config", file.c_str()}, Flags::UnknownSettings::kIgnored);
  EXPECT_FALSE(settings.exit_code);
  EXPECT_EQ(settings.jobs, 5);
}

TEST(Flags, PrintedSettingsAreAFileThatGivesThemBack) {
  testing::internal::CaptureStdout();
  const Settings printed = ParseSettings(
      {"--compile-jobs", "6", "--listen", "postgresql://kedge:secret@db/x", "--print-config"},
      Flags::UnknownSettings::kRefused);
  const std::string text = testing::internal::GetCapturedStdout();
  EXPECT_EQ(printed.exit_code, kExitSuccess);
  EXPECT_EQ(text.find("secret"), std::string::npos) << text;
  const auto folder = TemporaryDirectory::Make();
  ASSERT_TRUE(folder);
  const Path file = folder->path() / "kedge.toml";
  ASSERT_TRUE(PosixFileSystem().WriteAtomically(file, AsBytes(text), 0600));
  const Settings read = ParseSettings({"--config", file.c_str()}, Flags::UnknownSettings::kRefused);
  EXPECT_FALSE(read.exit_code) << text;
  EXPECT_EQ(read.jobs, 6);
  EXPECT_EQ(read.listen, "postgresql://kedge:***@db/x");
}

}  // namespace
}  // namespace kedge
