// The command line of a program or of one of its commands. CLI11 inside; it stays in flags.cc.
//
//   Flags flags("kedge compile", "Compiles a model for a target.");
//   flags.Positional("MODEL", &model, "model file (.onnx)").Required();
//   flags.Option("--target", &target, "x86-64-v2, x86-64-v3, x86-64-v4, aarch64 or
//   native").Required(); if (auto exit_code = flags.Parse(argc, argv)) return *exit_code;
//
// --help and --version are there by themselves. Exit codes of all our programs: 0 success, 1
// failure, 2 wrong command line.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace kedge {

constexpr int kExitSuccess = 0;
constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

class Flags {
 public:
  // One argument as it is being declared. Copies refer to the same argument.
  class Argument {
   public:
    Argument& Required();
    // The names that are accepted; others are a usage error that lists them.
    Argument& OneOf(std::vector<std::string> names);
    Argument& Range(int64_t low, int64_t high);

   private:
    friend class Flags;
    explicit Argument(void* option) : option_(option) {}
    void* option_;  // CLI::Option, owned by the Flags
  };

  Flags(std::string program, std::string description);
  ~Flags();
  Flags(const Flags&) = delete;
  Flags& operator=(const Flags&) = delete;

  // The variables must live until Parse() has returned; their values before it are the defaults.
  // `names` may hold a short form:
  // "-o,--output". A string option "--version" replaces the flag of that name, which then works
  // only as the one argument.
  Argument Positional(const std::string& name, std::string* value, const std::string& help);
  Argument Positionals(const std::string& name, std::vector<std::string>* values,
                       const std::string& help);
  Argument Option(const std::string& names, std::string* value, const std::string& help);
  Argument Option(const std::string& names, int64_t* value, const std::string& help);
  Argument Option(const std::string& names, double* value, const std::string& help);
  Argument Option(const std::string& names, std::vector<std::string>* values,
                  const std::string& help);  // may be repeated
  Argument Flag(const std::string& names, bool* value, const std::string& help);
  // The options may also stand in a file and in the environment. The command line beats the
  // environment, the environment beats the file, the file the defaults; a repeated option's last
  // value counts.
  //   --config FILE    TOML lines, the options' names without dashes: listen = "0.0.0.0:8080"
  //   PREFIX_LISTEN    environment: the name in capitals, '-' as '_'
  //   --print-config   prints the settings as such a file (passwords in URLs as ***) and ends
  // Call it after all options are declared. kUnknownRefused: a name in the file that is no option
  // is a usage error; kUnknownIgnored is for commands that need a part of the settings.
  enum class UnknownSettings { kRefused, kIgnored };
  void Settings(const std::string& environment_prefix, UnknownSettings unknown);

  // Shown after the arguments by --help.
  void Footer(const std::string& text);

  // Empty: go on. Otherwise the program ends with this code; help went to stdout, a usage error as
  // one sentence to stderr.
  [[nodiscard]] std::optional<int> Parse(int argc, const char* const* argv);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Prints "program: message" to stderr and returns kExitFailure.
int Fail(std::string_view program, const Error& error);

}  // namespace kedge
