// What the code generator knows of the machine it generates for.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kedge::compiler {

enum class Architecture { kX86_64, kAarch64 };

// One compilation target. The figures steer tile sizes and task splits; a wrong one costs speed,
// never correctness.
struct Target {
  std::string name;  // "x86-64-v3"
  Architecture architecture = Architecture::kX86_64;
  std::string triple;              // for clang -target
  std::vector<std::string> flags;  // -march and what goes with it
  std::string cpu_features;  // what the code may use, as /proc/cpuinfo spells it, space-separated
  int vector_bytes = 16;     // of one register
  int vector_registers = 16;
  int fma_pipes = 2;
  int fma_latency = 4;
  int loads_per_cycle = 2;
  int issue_width = 4;
  int l1_bytes = 32 << 10;
  int l2_bytes = 1 << 20;
  double l2_bytes_per_cycle = 16;  // sustained stream from L2

  int VectorFloats() const { return vector_bytes / 4; }
};

// Names that FindTarget accepts, in the order of the help text; "native" besides.
std::vector<std::string> TargetNames();

// The target of that name; "native" is the best one this machine runs. kInvalidArgument naming the
// ones there are otherwise.
Result<Target> FindTarget(std::string_view name);

}  // namespace kedge::compiler
