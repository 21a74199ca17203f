// `kedge`: the operator's command line.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/flags.h"
#include "cli/command.h"

namespace kedge::cli {

#define KEDGE_COMMAND(words, function, summary) int function(int argc, const char* const* argv);
#include "cli/commands.inc"
#undef KEDGE_COMMAND

namespace {

constexpr Command kCommands[] = {
#define KEDGE_COMMAND(words, function, summary) {words, summary, function},
#include "cli/commands.inc"
#undef KEDGE_COMMAND
};

void PrintHelp() {
  std::printf(
      "kedge %s: compiles models for edge hardware, packages them, and runs a fleet of devices.\n\n"
      "Usage: kedge COMMAND [ARGUMENTS]\n\nCommands:\n",
      KEDGE_VERSION);
  for (const Command& command : kCommands)
    std::printf("  %-16s %s\n", command.name, command.summary);
  std::printf(
      "\n'kedge COMMAND --help' explains a command. Exit codes: 0 success, 1 failure, 2 wrong "
      "command line.\n");
}

// Words of `name` that the arguments begin with; 0: not this command.
int MatchedWords(std::string_view name, std::span<const char* const> arguments) {
  int words = 0;
  while (!name.empty()) {
    const size_t space = std::min(name.find(' '), name.size());
    if (static_cast<size_t>(words) >= arguments.size() ||
        arguments[static_cast<size_t>(words)] != name.substr(0, space))
      return 0;
    name.remove_prefix(std::min(space + 1, name.size()));
    ++words;
  }
  return words;
}

int Main(int argc, const char* const* argv) {
  const std::span<const char* const> arguments(argv + 1,
                                               static_cast<size_t>(argc > 0 ? argc - 1 : 0));
  const std::string_view first = arguments.empty() ? "" : arguments[0];
  if (first == "--version") {
    std::printf("kedge %s\n", KEDGE_VERSION);
    return kExitSuccess;
  }
  if (first == "--help" || first == "-h" || first == "help") {
    PrintHelp();
    return kExitSuccess;
  }
  for (const Command& command : kCommands) {
    const int words = MatchedWords(command.name, arguments);
    if (words == 0) continue;
    const std::string name = std::string("kedge ") + command.name;
    std::vector<const char*> rest = {name.c_str()};
    rest.insert(rest.end(), arguments.begin() + words, arguments.end());
    return command.run(static_cast<int>(rest.size()), rest.data());
  }
  if (first.empty()) {
    PrintHelp();
  } else {
    std::fprintf(stderr, "kedge: '%.*s' is not a command (see kedge --help)\n",
                 static_cast<int>(first.size()), first.data());
  }
  return kExitUsage;
}

}  // namespace
}  // namespace kedge::cli

int main(int argc, char** argv) { return kedge::cli::Main(argc, argv); }
