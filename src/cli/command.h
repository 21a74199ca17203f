// One command of `kedge` is one file with one function; the table in main.cc lists them all.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace kedge::cli {

// argv[0] is the command's full name ("kedge compile"); returns the exit code (base/flags.h).
using CommandFunction = int (*)(int argc, const char* const* argv);

struct Command {
  const char* name;     // one or two words: "compile", "device enroll"
  const char* summary;  // one line for `kedge --help`
  CommandFunction run;
};

}  // namespace kedge::cli
