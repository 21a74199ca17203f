// SPDX-License-Identifier: Apache-2.0
#include "compiler/target/target.h"

namespace kedge::compiler {
namespace {

// x86-64 levels as in the psABI supplement; features as Linux names them in /proc/cpuinfo. The
// feature lists hold what separates a level from the baseline and -march=x86-64-vN lets clang use
// in code that only computes.
constexpr char kV2Features[] = "cx16 popcnt pni sse4_1 sse4_2 ssse3";
constexpr char kV3Features[] =
    "cx16 popcnt pni sse4_1 sse4_2 ssse3 avx avx2 bmi1 bmi2 f16c fma movbe abm";
constexpr char kV4Features[] =
    "cx16 popcnt pni sse4_1 sse4_2 ssse3 avx avx2 bmi1 bmi2 f16c fma movbe abm "
    "avx512f avx512bw avx512cd avx512dq avx512vl";

Target X86(std::string level, const char* features, int vector_bytes, int registers) {
  Target target;
  target.name = "x86-64-" + level;
  target.triple = "x86_64-unknown-linux-gnu";
  target.flags = {"-march=x86-64-" + level, "-mtune=generic"};
  target.cpu_features = features;
  target.vector_bytes = vector_bytes;
  target.vector_registers = registers;
  return target;
}

std::vector<Target> MakeTargets() {
  std::vector<Target> targets;
  targets.push_back(X86("v2", kV2Features, 16, 16));
  targets.push_back(X86("v3", kV3Features, 32, 16));
  targets.push_back(X86("v4", kV4Features, 64, 32));
  targets.back().flags.push_back("-mprefer-vector-width=512");

  Target arm;
  arm.name = "aarch64";
  arm.architecture = Architecture::kAarch64;
  arm.triple = "aarch64-unknown-linux-gnu";
  arm.flags = {"-march=armv8-a"};
  arm.vector_bytes = 16;
  arm.vector_registers = 32;
  arm.fma_pipes = 2;
  arm.issue_width = 3;
  arm.l2_bytes = 512 << 10;
  targets.push_back(arm);
  return targets;
}

std::string NativeName() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl")) {
    return "x86-64-v4";
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("bmi2")) {
    return "x86-64-v3";
  }
  return "x86-64-v2";
#else
  return "aarch64";
#endif
}

}  // namespace

std::vector<std::string> TargetNames() {
  std::vector<std::string> names;
  for (const Target& target : MakeTargets()) names.push_back(target.name);
  return names;
}

Result<Target> FindTarget(std::string_view name) {
  const std::string wanted = name == "native" ? NativeName() : std::string(name);
  std::string known;
  for (Target& target : MakeTargets()) {
    if (target.name == wanted) return std::move(target);
    known += target.name + ", ";
  }
  return InvalidArgument("target '" + std::string(name) + "' is not one of " + known + "native");
}

}  // namespace kedge::compiler
