// kedge compile: becomes kedge-compile, the compiler's own program, with the same words.
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstdlib>
#include <unistd.h>
#include <vector>

#include "base/flags.h"
#include "base/subprocess.h"

namespace kedge::cli {

// Beside this program, or in $KEDGE_BIN_DIR. Its exit code, output and signals are then ours.
int Compile(int argc, const char* const* argv) {
  const char* bin_dir = std::getenv("KEDGE_BIN_DIR");
  const Path folder = bin_dir != nullptr ? Path(bin_dir) : ExecutableDirectory();
  const std::string program = (folder / "kedge-compile").string();
  std::vector<char*> arguments = {const_cast<char*>(program.c_str())};
  for (int i = 1; i < argc; ++i) arguments.push_back(const_cast<char*>(argv[i]));
  arguments.push_back(nullptr);
  ::execv(program.c_str(), arguments.data());
  return Fail("kedge compile", ErrnoError(errno, "starting " + program));
}

}  // namespace kedge::cli
