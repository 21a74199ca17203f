// SPDX-License-Identifier: Apache-2.0
#include "base/flags.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace kedge
