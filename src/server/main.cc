// `kedge-server`: the table of its commands.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "base/flags.h"
#include "server/commands/command.h"

namespace kedge::server {

#define KEDGE_COMMAND(word, function, summary) int function(int argc, const char* const* argv);
#include "server/commands/commands.inc"
#undef KEDGE_COMMAND

namespace {

struct Command {
  std::string_view word;
  std::string_view summary;
  CommandFunction run;
};

constexpr Command kCommands[] = {
#define KEDGE_COMMAND(word, function, summary) {word, summary, function},
#include "server/commands/commands.inc"
#undef KEDGE_COMMAND
};

void PrintCommands() {
  std::printf("kedge-server %s: the control plane of a fleet.\n\nCommands:\n", KEDGE_VERSION);
  for (const Command& command : kCommands) {
    std::printf("  %-10.*s %.*s\n", static_cast<int>(command.word.size()), command.word.data(),
                static_cast<int>(command.summary.size()), command.summary.data());
  }
  std::printf(
      "\n'kedge-server COMMAND --help' explains a command. Exit codes: 0 success, 1 failure, 2 "
      "wrong command line.\n");
}

int Main(int argc, char** argv) {
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (first == "help" || first == "--help" || first == "-h") {
    PrintCommands();
    return kExitSuccess;
  }
  // `kedge-server --data DIR` serves.
  if (first.empty() || first.starts_with('-')) return Serve(argc, argv);
  for (const Command& command : kCommands) {
    if (first != command.word) continue;
    const std::string name = "kedge-server " + std::string(command.word);
    std::vector<const char*> rest = {name.c_str()};
    rest.insert(rest.end(), argv + 2, argv + argc);
    return command.run(static_cast<int>(rest.size()), rest.data());
  }
  std::fprintf(stderr, "kedge-server: '%s' is not a command (see kedge-server --help)\n", argv[1]);
  return kExitUsage;
}

}  // namespace
}  // namespace kedge::server

int main(int argc, char** argv) { return kedge::server::Main(argc, argv); }
