// Turns generated source text into a shared object: clang-19 and lld as subprocesses, many kernels
// at a time, with a cache of objects.
//
// Each distinct kernel is a translation unit of its own, so that a model known before compiles only
// its tables. The cache holds one file for each digest of everything that decides an object:
// source, headers, flags, compiler version.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "compiler/codegen/plan.h"
#include "compiler/target/target.h"

namespace kedge::compiler {

struct ToolchainOptions {
  Path cache_dir;                                // empty: no cache
  uint64_t cache_bytes_max = uint64_t{2} << 30;  // the least recently used objects go
  int jobs = 0;                                  // compilers at a time; 0: one a processor
  std::string compiler = "clang++-19", linker = "ld.lld-19";  // paths, or names looked up in PATH
};

constexpr int kJobsMax = 256;

// Objects compiled and where they are.
struct BuildCounts {
  size_t kernels = 0;   // distinct ones
  size_t compiled = 0;  // not found in the cache
};

// One build in one temporary directory. Not thread-safe; uses threads of its own.
class Toolchain {
 public:
  // Writes the kernel headers into `work`, which must exist, and asks the compiler for its version.
  // kFailedPrecondition if there is no working compiler.
  static Result<Toolchain> Make(const Target& target, const ToolchainOptions& options, Path work);

  // The name of the function that holds a kernel of this text.
  static std::string KernelName(const std::string& source);

  // Compiles each distinct kernel of the plan; kInternal with the compiler's first message if one
  // does not compile.
  Result<BuildCounts> CompileKernels(const Plan& plan);
  // Compiles the model's own unit.
  Status CompileModel(const std::string& source);
  // Links everything into `output`, and cuts the cache to its size.
  Status Link(const Path& output);

 private:
  struct Unit {
    std::string name;  // of the function, and of the files without their ending
    std::string source;
    std::vector<std::string> flags;
  };

  Toolchain(const Target& target, const ToolchainOptions& options, Path work)
      : target_(target), options_(options), work_(std::move(work)) {}
  Status WriteHeaders();
  Status ReadVersion();
  Status CompileAll(const std::vector<Unit>& units, size_t& compiled);
  Result<bool> CompileOne(const Unit& unit) const;
  std::string CacheKey(const Unit& unit) const;

  Target target_;
  ToolchainOptions options_;
  Path work_;
  std::string version_;
  std::string header_digest_;
  std::vector<Path> objects_;
};

}  // namespace kedge::compiler
