// One command of `kedge-server` is one file with one function; commands.inc lists them all.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace kedge::server {

// argv[0] is the command's full name ("kedge-server migrate"); returns the exit code
// (base/flags.h).
using CommandFunction = int (*)(int argc, const char* const* argv);

}  // namespace kedge::server
